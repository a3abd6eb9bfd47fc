//! A verb on its way: what it wants of which row, who waits for it, and how far it came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use kimbai_core::grant::{EndReason, Look, Opening, Outcome, Redemption, Rotation, Seen, Start, State, Terms, Verdict};
use kimbai_core::number::{AttemptId, Generation, GrantId, RealmNumber};
use kimbai_core::time::Micros;
use tokio::sync::oneshot;

use super::statements::{Kind, Value};
use crate::outcome::{Destination, succeeded_before};
use crate::{StoreError, columns};

/// A row, by the two parts of its primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) realm: RealmNumber,
    pub(super) id: GrantId,
}

/// What a verb wants of its row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish {
    Open(Opening),
    Redeem(Redemption),
    Rotate(Rotation),
    End(EndReason),
    EndExpired(EndReason),
    EndAccess(Generation),
    Look,
}

/// A verb that somebody waits for.
pub(super) struct Verb {
    pub(super) key: Key,
    pub(super) attempt: AttemptId,
    pub(super) wish: Wish,
    /// Its row was locked by somebody else: it is sent apart, so that others need not wait with it.
    pub(super) apart: bool,
    /// An earlier sending of it may have been done.
    doubtful: bool,
    stage: Arc<Stage>,
    reply: oneshot::Sender<Result<Found, StoreError>>,
}

/// What is known of a verb's row.
#[derive(Debug)]
pub(super) struct Found {
    /// The store's time.
    pub(super) now: Micros,
    pub(super) end: End,
    pub(super) seen: Option<Seen>,
}

/// Whether the row is as the verb wants it, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// This sending changed it.
    Changed,
    /// An earlier sending of the same attempt did, and its end was not heard of.
    ChangedBefore,
    /// Another verb did, of which nobody here knows whether it is durable: a revocation finds the grant ended, or a rotation,
    /// which may be a retry of that verb and be answered in its stead, finds the next generation.
    ChangedByAnother,
    /// It is not.
    Unchanged,
}

impl Found {
    /// As the outcome of a verb that has a condition.
    pub(super) fn outcome(self) -> Outcome {
        let verdict = match (self.end, self.seen) {
            (End::Changed | End::ChangedBefore, Some(seen)) => Verdict::Done(seen),
            (End::Changed | End::ChangedBefore | End::ChangedByAnother | End::Unchanged, seen) => {
                Verdict::Refused(seen)
            }
        };
        Outcome { now: self.now, verdict }
    }

    /// As what a look found.
    pub(super) fn look(self) -> Look {
        Look { now: self.now, seen: self.seen }
    }
}

/// How far a verb came, known to its lane and its caller.
#[derive(Debug, Default)]
pub(super) struct Stage(AtomicU8);

/// What a caller may conclude who waits no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abandoned {
    /// It was not sent and will not be, or was sent and is certainly not done.
    Unsent,
    /// It may have been done.
    Sent,
}

impl Stage {
    /// The caller waits no longer.
    pub(super) fn abandon(&self) -> Abandoned {
        match self.0.compare_exchange(WAITING, ABANDONED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Abandoned::Unsent,
            Err(_) => Abandoned::Sent,
        }
    }
}

impl Verb {
    /// The verb, how far it will have come, and where its end is told.
    pub(super) fn new(
        key: Key,
        wish: Wish,
        attempt: AttemptId,
    ) -> (Self, Arc<Stage>, oneshot::Receiver<Result<Found, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let stage = Arc::new(Stage::default());
        let verb = Self { key, attempt, wish, apart: false, doubtful: false, stage: Arc::clone(&stage), reply };
        (verb, stage, answer)
    }

    /// Whether somebody waits for its end.
    pub(super) fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    /// From now on it may have been done; false when its caller has given it up.
    pub(super) fn send(&self) -> bool {
        self.stage.0.compare_exchange(WAITING, SENT, Ordering::AcqRel, Ordering::Acquire) != Err(ABANDONED)
    }

    /// The server said that this sending did nothing.
    pub(super) fn unsend(&self) {
        if !self.doubtful {
            self.stage.0.store(WAITING, Ordering::Release);
        }
    }

    /// Nobody knows what this sending did.
    pub(super) const fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// Tells its end. A caller that has gone needs none.
    pub(super) fn answer(self, end: Result<Found, StoreError>) {
        let end = end.map_err(|error| if self.doubtful { StoreError::Unknown } else { error });
        drop(self.reply.send(end));
    }

    /// Which statement carries it out.
    pub(super) const fn kind(&self) -> Kind {
        match self.wish {
            Wish::Open(opening) => match opening.start {
                Start::Code { .. } | Start::Tokens(_) => Kind::Open,
                Start::Exchanged(..) => Kind::OpenExchanged,
            },
            Wish::Redeem(_) => Kind::Redeem,
            Wish::Rotate(_) => Kind::Rotate,
            Wish::End(_) => Kind::End,
            Wish::EndExpired(_) => Kind::EndExpired,
            Wish::EndAccess(_) => Kind::EndAccess,
            Wish::Look => Kind::Look,
        }
    }

    /// What its row, which it did not change now, says of it.
    pub(super) fn judge(&self, now: Micros, seen: Option<Seen>) -> Found {
        let end = seen.as_ref().map_or(End::Unchanged, |seen| self.end(seen));
        Found { now, end, seen }
    }

    fn end(&self, seen: &Seen) -> End {
        let destination = match self.wish {
            Wish::Open(opening) => Destination::of_opening(&opening.start),
            Wish::Redeem(_) => Destination::FIRST,
            Wish::Rotate(rotation) => Destination::after(rotation.generation),
            Wish::End(_) | Wish::EndExpired(_) | Wish::EndAccess(_) => {
                return match seen.grant.state {
                    State::Ended { .. } => End::ChangedByAnother,
                    State::Code { .. } | State::Active(_) => End::Unchanged,
                };
            }
            Wish::Look => return End::Unchanged,
        };
        if succeeded_before(seen, destination, self.attempt) {
            End::ChangedBefore
        } else if destination.is(&seen.grant.state) {
            End::ChangedByAnother
        } else {
            End::Unchanged
        }
    }

    /// The parameters of its statement, in the order of [`Kind::parameters`].
    pub(super) fn values(&self, put: &mut impl FnMut(Value)) {
        put(Value::I32(self.key.realm.0.cast_signed()));
        put(Value::I64(columns::id_column(self.key.id)));
        if !matches!(self.wish, Wish::Look) {
            put(Value::I64(self.attempt.0.cast_signed()));
        }
        match &self.wish {
            Wish::Open(opening) => {
                put(Value::I32(opening.client.0.cast_signed()));
                put(Value::I32(opening.user.0.cast_signed()));
                put(Value::I32(opening.client_epoch.cast_signed()));
                put(Value::I32(opening.user_epoch.cast_signed()));
                put(Value::I64(opening.scope.0.cast_signed()));
                put(Value::I64(opening.auth_time_s.into()));
                put(Value::I64(opening.absolute_lifetime_s.into()));
                put(Value::Digest(opening.log_in.session.0));
                put(Value::I64(opening.log_in.requested.bits().cast_signed()));
                put(Value::I32(opening.organization.0.cast_signed()));
                start(&opening.start, put);
            }
            Wish::Redeem(redemption) => {
                put(Value::I32(redemption.client.0.cast_signed()));
                put(Value::Digest(redemption.binding.redirect_uri.0));
                put(Value::Digest(redemption.binding.code_challenge.0));
                terms(&redemption.terms, put);
            }
            Wish::Rotate(rotation) => {
                put(Value::I32(rotation.client.0.cast_signed()));
                put(Value::I32(rotation.generation.number().cast_signed()));
                put(Value::I64(rotation.rotated_low.into()));
                terms(&rotation.terms, put);
            }
            Wish::End(reason) | Wish::EndExpired(reason) => put(Value::I64(columns::ended_column(*reason))),
            Wish::EndAccess(generation) => put(Value::I32(generation.number().cast_signed())),
            Wish::Look => {}
        }
    }
}

/// What a code has and tokens have not is null, and the other way round.
fn start(start: &Start, put: &mut impl FnMut(Value)) {
    let binding = start.binding();
    let code_lifetime_s = match start {
        Start::Code { lifetime_s, .. } => Value::I64((*lifetime_s).into()),
        Start::Tokens(_) | Start::Exchanged(..) => Value::Null,
    };
    put(Value::Digest(binding.redirect_uri.0));
    put(Value::Digest(binding.code_challenge.0));
    put(code_lifetime_s);
    match start {
        Start::Code { .. } => [Value::Null, Value::Null, Value::I32(0)].into_iter().for_each(put),
        Start::Tokens(of) | Start::Exchanged(of, _) => terms(of, put),
    }
}

fn terms(terms: &Terms, put: &mut impl FnMut(Value)) {
    put(Value::I64(terms.access_lifetime_s.into()));
    put(terms.idle_lifetime_s.map_or(Value::Null, |idle_s| Value::I64(idle_s.into())));
    put(Value::I32(terms.sealing_key.into()));
}

const WAITING: u8 = 0;
const SENT: u8 = 1;
const ABANDONED: u8 = 2;
