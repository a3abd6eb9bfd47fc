//! The grants that a connection has of one app, visited in turn.

use anyhow::{Context, ensure};

/// The tokens of one grant as last issued.
#[derive(Debug, Default)]
pub(super) struct Grant {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

/// All that one connection has of one app.
#[derive(Debug, Default)]
pub(super) struct Grants {
    grants: Vec<Grant>,
    /// How often one was asked for.
    turn: u64,
}

/// A prime: it shares no divisor with a number of grants, so that all of them are visited.
const STRIDE: u64 = 2_654_435_761;
/// How far one connection is ahead of the one before it, so that they do not walk side by side.
const TURNS_APART: u64 = 7_919;

impl Grants {
    /// None yet, for the connection of this number.
    pub(super) fn of_connection(number: u32) -> Self {
        Self { grants: Vec::new(), turn: u64::from(number) * TURNS_APART }
    }

    pub(super) fn push(&mut self, grant: Grant) {
        self.grants.push(grant);
    }

    /// The next grant in turn: each once in a round, and neighbours far from one another, because nobody's clients come in the order
    /// in which the store keeps their grants.
    pub(super) fn next(&mut self) -> anyhow::Result<&Grant> {
        self.turn = self.turn.wrapping_add(1);
        self.grants.get(self.place()).context("no grants")
    }

    /// Puts what it was rotated to in the place of the grant whose turn it is.
    pub(super) fn rotate_to(&mut self, next: Grant) -> anyhow::Result<()> {
        let place = self.place();
        let grant = self.grants.get_mut(place).context("no grants")?;
        ensure!(next.refresh_token != grant.refresh_token, "expected another refresh token");
        ensure!(next.access_token != grant.access_token, "expected another access token");
        *grant = next;
        Ok(())
    }

    fn place(&self) -> usize {
        let grants = u64::try_from(self.grants.len()).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.turn.wrapping_mul(STRIDE) % grants).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_visits_every_grant_once_and_neighbours_apart() {
        for count in [1, 2, 156, 157, 15_625] {
            let mut grants = Grants::of_connection(3);
            (0..count).for_each(|_| grants.push(Grant::default()));
            let mut next = || {
                grants.next().unwrap();
                grants.place()
            };
            let mut places: Vec<usize> = (0..count).map(|_| next()).collect();
            let steps = places.iter().zip(places.iter().skip(1)).filter(|(a, b)| a.abs_diff(**b) <= 1).count();
            assert!(count < 3 || steps == 0, "{count}: {steps} neighbours came one after another");
            places.sort_unstable();
            assert_eq!(places, (0..count).collect::<Vec<_>>());
        }
        assert!(Grants::of_connection(3).next().is_err());
    }

    #[test]
    fn a_grant_is_rotated_to_two_new_tokens() {
        let grant =
            |access: &str, refresh: &str| Grant { access_token: access.to_owned(), refresh_token: refresh.to_owned() };
        let mut grants = Grants::of_connection(0);
        grants.push(grant("a1", "r1"));
        assert!(grants.rotate_to(grant("a1", "r2")).is_err() && grants.rotate_to(grant("a2", "r1")).is_err());
        assert_eq!(grants.next().unwrap().refresh_token, "r1");
        grants.rotate_to(grant("a2", "r2")).unwrap();
        assert_eq!(grants.next().unwrap().refresh_token, "r2");
    }
}
