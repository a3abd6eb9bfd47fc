//! What came of a verb, from its row: the one rule by which a repetition knows its own success, alike in every store.

use kimbai_core::grant::{Seen, Start, State, Verdict};
use kimbai_core::number::{AttemptId, Generation};

/// Where a verb leads its grant: the generation it has afterwards, that of a code included; `None` is nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination(Option<Generation>);

impl Destination {
    /// An opened grant is a code, or of the first generation.
    pub(crate) const fn of_opening(start: &Start) -> Self {
        match start {
            Start::Code { .. } => Self(Some(Generation::CODE)),
            Start::Tokens(_) | Start::Exchanged(..) => Self::FIRST,
        }
    }

    /// A redeemed code is of the first generation.
    pub(crate) const FIRST: Self = Self(Some(Generation::FIRST));

    /// Where a rotation of this generation leads.
    pub(crate) const fn after(generation: Generation) -> Self {
        Self(generation.next())
    }

    /// Whether this is where a grant of this state stands.
    pub(crate) fn is(self, state: &State) -> bool {
        match state {
            State::Code { .. } => self.0 == Some(Generation::CODE),
            State::Active(active) => self.0 == Some(active.generation),
            State::Ended { .. } => false,
        }
    }
}

/// Whether an earlier sending of this attempt succeeded: its row bears it, and stands where it would have led.
pub(crate) fn succeeded_before(seen: &Seen, destination: Destination, attempt: AttemptId) -> bool {
    seen.grant.attempt == attempt && destination.is(&seen.grant.state)
}

/// The verdict on an update that changed its row or did not.
pub(crate) fn verdict(seen: Option<Seen>, done: bool, destination: Destination, attempt: AttemptId) -> Verdict {
    match seen {
        Some(seen) if done || succeeded_before(&seen, destination, attempt) => Verdict::Done(seen),
        seen => Verdict::Refused(seen),
    }
}
