//! What holds of a grant whatever honest and dishonest presenters do to it, while the clock advances and jumps.
//!
//! The store is one row in memory that carries out the pure verbs, as every store must.

use std::collections::HashMap;

use kimbai_core::grant::{
    Active, CodeBinding, EndReason, Grant, LogIn, Opening, Outcome, PartyStanding, Redemption, Revocation, Rotation,
    Seen, ShortDigest, Standing, Start, State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, Generation, GrantId, OrganizationNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use kimbai_core::time::Micros;
use kimbai_core::token::{Pointer, Retries, Settled, TokenRules, settle_redemption, settle_rotation};
use proptest::prelude::*;

const OFFLINE: ScopeSet = ScopeSet(1);
/// Those of a realm without services.
const RULES: TokenRules = TokenRules { offline: OFFLINE, service: None };
const OWNER: ClientNumber = ClientNumber(1);
const STRANGER: ClientNumber = ClientNumber(2);
const BINDING: CodeBinding = CodeBinding { redirect_uri: ShortDigest([1; 16]), code_challenge: ShortDigest([2; 16]) };
const TERMS: Terms = Terms { access_lifetime_s: 3_600, idle_lifetime_s: Some(30 * 86_400), sealing_key: 0 };
const WINDOW_S: u32 = 86_400;
const CODE_S: u32 = 600;

/// A store of one row.
struct World {
    row: Grant,
    now: Micros,
    attempts: u64,
    /// Every refresh token that was ever issued.
    issued: Vec<Pointer>,
    /// What was answered to each generation.
    successors: HashMap<Generation, Pointer>,
    redemptions: u32,
}

impl World {
    fn new() -> Self {
        let now = Micros::from_unix_s(1_700_000_000);
        let opening = Opening {
            id: GrantId(1),
            client: OWNER,
            user: UserNumber(1),
            organization: OrganizationNumber::NONE,
            client_epoch: 0,
            user_epoch: 0,
            scope: ScopeSet(3),
            auth_time_s: 0,
            log_in: LogIn::NONE,
            start: Start::Code { binding: BINDING, lifetime_s: CODE_S },
            absolute_lifetime_s: 365 * 86_400,
        };
        let row = opening.grant(now, AttemptId(0));
        Self { row, now, attempts: 0, issued: Vec::new(), successors: HashMap::new(), redemptions: 0 }
    }

    fn redeemed() -> Self {
        let mut world = Self::new();
        assert!(world.redeem(OWNER, BINDING).is_ok(), "{:?}", world.row);
        world
    }

    fn attempt(&mut self) -> AttemptId {
        self.attempts += 1;
        AttemptId(self.attempts)
    }

    fn outcome(&mut self, changed: Option<Grant>) -> Outcome {
        let standing = Standing { client: PartyStanding::NEW, user: PartyStanding::NEW };
        let verdict = match changed {
            Some(row) => {
                self.row = row.clone();
                Verdict::Done(Seen { grant: row, standing })
            }
            None => Verdict::Refused(Some(Seen { grant: self.row.clone(), standing })),
        };
        Outcome { now: self.now, verdict }
    }

    fn redeem(&mut self, client: ClientNumber, binding: CodeBinding) -> Settled {
        let attempt = self.attempt();
        let redemption = Redemption { client, binding, terms: TERMS };
        let changed = self.row.redeem(&redemption, self.now, attempt);
        let outcome = self.outcome(changed);
        let settled = settle_redemption(&outcome, &redemption, RULES);
        self.redemptions += u32::from(settled.is_ok());
        self.heed(settled)
    }

    fn refresh(&mut self, client: ClientNumber, token: &Pointer) -> Settled {
        let attempt = self.attempt();
        let rotation = Rotation { client, generation: token.generation, rotated_low: token.time, terms: TERMS };
        let changed = self.row.rotate(&rotation, self.now, attempt);
        let outcome = self.outcome(changed);
        let retries = Retries { window_s: WINDOW_S, counted_from: None };
        let settled = settle_rotation(&outcome, &rotation, ScopeSet(3), retries, RULES);
        if let Some(refresh) = settled.ok().and_then(|issued| issued.refresh) {
            let first = *self.successors.entry(token.generation).or_insert(refresh);
            assert_eq!(first, refresh, "a second successor of generation {:?}", token.generation);
        }
        self.heed(settled)
    }

    /// Ends the grant where the answer says so, as the engine does, and notes what was issued.
    fn heed(&mut self, settled: Settled) -> Settled {
        match settled {
            Ok(issued) => self.issued.extend(issued.refresh.filter(|token| !self.issued.contains(token))),
            Err(refused) => {
                if let Some(reason) = refused.revoke {
                    self.revoke(Revocation::Grant(reason));
                }
            }
        }
        settled
    }

    fn revoke(&mut self, revocation: Revocation) {
        let attempt = self.attempt();
        self.row = self.row.revoke(revocation, self.now, attempt);
    }

    fn is_ended(&self) -> bool {
        matches!(self.row.state, State::Ended { .. })
    }

    /// The tokens that a rotation would accept now.
    fn live_tokens(&self) -> usize {
        let rotates = |token: &&Pointer| {
            let (generation, rotated_low) = (token.generation, token.time);
            let rotation = Rotation { client: OWNER, generation, rotated_low, terms: TERMS };
            self.row.rotate(&rotation, self.now, AttemptId(0)).is_some()
        };
        self.issued.iter().filter(rotates).count()
    }

    fn active(&self) -> Option<Active> {
        match self.row.state {
            State::Active(active) => Some(active),
            State::Code { .. } | State::Ended { .. } => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// The owner presents the code, or somebody something like it.
    Redeem(Presenter),
    /// One of the tokens ever issued is presented: this one, counted from the newest.
    Refresh(Presenter, usize),
    RevokeAccess(u32),
    RevokeGrant,
    Advance(i64),
}

#[derive(Debug, Clone, Copy)]
enum Presenter {
    Owner,
    Stranger,
    OwnerWithAnotherBinding,
}

fn presenter() -> impl Strategy<Value = Presenter> {
    prop_oneof![
        4 => Just(Presenter::Owner),
        1 => Just(Presenter::Stranger),
        1 => Just(Presenter::OwnerWithAnotherBinding),
    ]
}

fn micros() -> impl Strategy<Value = i64> {
    const SECOND: i64 = 1_000_000;
    prop_oneof![
        4 => 0..20 * SECOND,
        2 => 0..2 * 86_400 * SECOND,
        1 => -86_400 * SECOND..0,
        1 => Just(40 * 86_400 * SECOND),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => presenter().prop_map(Event::Redeem),
        // The newest tokens most often: otherwise nearly every run ends in reuse at once.
        12 => (presenter(), prop_oneof![6 => 0_usize..2, 1 => 0_usize..8])
            .prop_map(|(who, which)| Event::Refresh(who, which)),
        1 => (0_u32..12).prop_map(Event::RevokeAccess),
        1 => Just(Event::RevokeGrant),
        6 => micros().prop_map(Event::Advance),
    ]
}

fn carry_out(world: &mut World, event: Event) -> Option<Settled> {
    let other_binding = CodeBinding { code_challenge: ShortDigest::ABSENT, ..BINDING };
    match event {
        Event::Redeem(Presenter::Owner) => Some(world.redeem(OWNER, BINDING)),
        Event::Redeem(Presenter::Stranger) => Some(world.redeem(STRANGER, BINDING)),
        Event::Redeem(Presenter::OwnerWithAnotherBinding) => Some(world.redeem(OWNER, other_binding)),
        Event::Refresh(who, which) => {
            let position = world.issued.len().checked_sub(which + 1)?;
            let token = *world.issued.get(position)?;
            let client = if matches!(who, Presenter::Stranger) { STRANGER } else { OWNER };
            Some(world.refresh(client, &token))
        }
        Event::RevokeAccess(generation) => {
            world.revoke(Revocation::AccessThrough(Generation::new(generation)?));
            None
        }
        Event::RevokeGrant => {
            world.revoke(Revocation::Grant(EndReason::RevokedByClient));
            None
        }
        Event::Advance(micros) => {
            world.now = Micros(world.now.0 + micros);
            None
        }
    }
}

const fn is_dishonest(event: Event) -> bool {
    matches!(
        event,
        Event::Redeem(Presenter::Stranger | Presenter::OwnerWithAnotherBinding)
            | Event::Refresh(Presenter::Stranger, _)
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_grant_has_one_live_chain_and_one_successor_for_each_generation(
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new();
        for event in events {
            carry_out(&mut world, event);
            prop_assert!(world.live_tokens() <= 1, "{:?} {:?}", event, world.row);
            prop_assert!(world.redemptions <= 1, "{:?}", event);
            let mut generations: Vec<_> = world.issued.iter().map(|token| token.generation).collect();
            generations.sort();
            generations.dedup();
            prop_assert_eq!(generations.len(), world.issued.len(), "two tokens of one generation");
        }
    }

    #[test]
    fn after_an_end_nothing_is_issued(
        before in prop::collection::vec(event(), 0..30),
        after in prop::collection::vec(event(), 1..30),
    ) {
        let mut world = World::new();
        for event in before {
            carry_out(&mut world, event);
        }
        world.revoke(Revocation::Grant(EndReason::ConsentWithdrawn));
        let ended = world.row.clone();
        for event in after {
            if let Some(settled) = carry_out(&mut world, event) {
                prop_assert!(settled.is_err(), "{:?} {:?}", event, settled);
            }
            prop_assert_eq!(&world.row, &ended, "the first reason stays");
        }
    }

    #[test]
    fn a_stranger_neither_is_issued_anything_nor_ends_anything(events in prop::collection::vec(event(), 0..60)) {
        let mut world = World::new();
        for event in events {
            let before = world.row.clone();
            let settled = carry_out(&mut world, event);
            if is_dishonest(event) {
                prop_assert!(settled.is_none_or(|settled| settled.is_err()), "{:?}", event);
                prop_assert_eq!(&world.row, &before, "{:?}", event);
            }
        }
    }

    #[test]
    fn the_generation_and_what_is_revoked_only_grow(events in prop::collection::vec(event(), 0..60)) {
        let mut world = World::new();
        for event in events {
            let before = world.row.clone();
            carry_out(&mut world, event);
            match (before.state, world.row.state) {
                (State::Active(old), State::Active(new)) => {
                    prop_assert!(new.generation >= old.generation);
                    prop_assert!(new.generation.number() <= old.generation.number() + 1);
                    prop_assert!(new.access_revoked_through >= old.access_revoked_through);
                    prop_assert!(new.idle_end <= world.row.absolute_end);
                    prop_assert_eq!(new.redeemed, old.redeemed);
                }
                (State::Ended { .. }, new) => prop_assert_eq!(new, before.state),
                (State::Active(_), State::Code { .. }) => panic!("a redeemed code came back"),
                _ => {}
            }
            let identity = |row: &Grant| (row.id, row.client, row.scope);
            prop_assert_eq!(identity(&world.row), identity(&before));
        }
    }

    /// Each step: the client refreshes; its answer is lost so many times, with as much time in between; then it waits.
    #[test]
    fn an_honest_client_that_retries_within_the_window_keeps_its_log_in(
        steps in prop::collection::vec((0_usize..4, 0_i64..28_000, 0_i64..20 * 86_400), 1..20),
        nudges in prop::collection::vec(0_i64..1_000_000, 20),
    ) {
        let mut world = World::redeemed();
        for ((lost, between_s, wait_s), nudge) in steps.into_iter().zip(nudges) {
            let Some(mut token) = world.issued.last().copied() else { panic!("no token") };
            let (held, generation) = (token, token.generation);
            for _ in 0..=lost {
                match world.refresh(OWNER, &held) {
                    Ok(issued) => token = issued.refresh.unwrap_or(token),
                    Err(refused) if world.now >= world.row.absolute_end => {
                        prop_assert!(refused.revoke.is_none());
                        return Ok(());
                    }
                    Err(refused) => panic!("{refused:?}"),
                }
                world.now = Micros(world.now.0 + between_s * 1_000_000 + nudge);
            }
            prop_assert_eq!(Some(token.generation), generation.next());
            prop_assert_eq!(world.active().map(|active| active.generation), Some(token.generation));
            world.now = world.now.plus_s(u32::try_from(wait_s).unwrap_or(0));
        }
        prop_assert!(!world.is_ended());
    }
}
