//! Random verbs, times, generations, clients and attempts: the store and the pure rules of `kimbai_core` agree on each
//! outcome and row.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kimbai_core::claims::RequestedClaims;
use kimbai_core::grant::{
    CodeBinding, EndReason, Grant, LogIn, Look, Opening, Outcome, Redemption, Revocation, Rotation, Seen, ShortDigest,
    Start, State, Terms, Verdict,
};
use kimbai_core::number::{AttemptId, ClientNumber, Generation, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::scope::ScopeSet;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Subject;
use super::scene::{Store, StoreClock};

/// One step of a random history. Small ranges, so that verbs meet the same grants, clients and attempts again.
#[derive(Debug, Clone)]
enum Step {
    Open(u64, u32, [u32; 2]),
    OpenWithTokens(u64, u32, u32, Terms),
    Redeem(u64, u32, u8, Terms),
    Rotate(u64, u32, i32, u32, Terms),
    End(u64, EndReason),
    EndExpired(u64, EndReason),
    EndAccess(u64, u32),
    Look(u64),
    Advance(i64),
    /// The verb before, sent once more as the same attempt.
    Repeat,
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Open(Opening),
    Redeem(GrantId, Redemption),
    Rotate(GrantId, Rotation),
    Revoke(GrantId, Revocation),
}

pub(super) async fn store_and_model_agree(subject: Subject) {
    let cases = if std::env::var_os("KIMBAI_TEST_LONG").is_some() { 2_000 } else { 96 };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Handle::current();
    // Each case has a realm of its own, and so an empty ledger.
    let realms = AtomicU32::new(1);
    let checked = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&proptest::collection::vec(step(), 1..60), |steps| {
            let realm = RealmNumber(realms.fetch_add(1, Ordering::Relaxed));
            let history = History::new(&subject.store, &subject.clock, realm);
            runtime.block_on(history.check(steps))
        })
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

struct History {
    store: Arc<dyn Store>,
    clock: Arc<dyn StoreClock>,
    realm: RealmNumber,
    rows: BTreeMap<GrantId, Grant>,
    attempts: u64,
    last: Option<(Verb, AttemptId)>,
}

impl History {
    fn new(store: &Arc<dyn Store>, clock: &Arc<dyn StoreClock>, realm: RealmNumber) -> Self {
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        Self { store, clock, realm, rows: BTreeMap::new(), attempts: 0, last: None }
    }

    async fn check(mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        for step in steps {
            let verb = match step {
                Step::Advance(seconds) => {
                    self.clock.advance_s(seconds);
                    continue;
                }
                Step::Look(id) => {
                    let seen = self.store.lookup(self.realm, GrantId(id)).await.unwrap().seen;
                    prop_assert_eq!(seen.map(|seen| seen.grant), self.rows.get(&GrantId(id)).cloned());
                    continue;
                }
                Step::Repeat => {
                    if let Some((verb, attempt)) = self.last {
                        self.carry_out(verb, attempt).await?;
                    }
                    continue;
                }
                step @ (Step::Open(..)
                | Step::OpenWithTokens(..)
                | Step::Redeem(..)
                | Step::Rotate(..)
                | Step::End(..)
                | Step::EndExpired(..)
                | Step::EndAccess(..)) => self.verb(&step),
            };
            let Some(verb) = verb else { continue };
            self.attempts += 1;
            self.last = Some((verb, AttemptId(self.attempts)));
            self.carry_out(verb, AttemptId(self.attempts)).await?;
        }
        Ok(())
    }

    /// Sends a verb to the store and applies it to the model at the time the store says.
    async fn carry_out(&mut self, verb: Verb, attempt: AttemptId) -> Result<(), TestCaseError> {
        let (store, realm) = (&self.store, self.realm);
        let outcome = match verb {
            Verb::Open(opening) => store.open(realm, opening, attempt).await.unwrap(),
            Verb::Redeem(id, redemption) => store.redeem(realm, id, redemption, attempt).await.unwrap(),
            Verb::Rotate(id, rotation) => store.rotate(realm, id, rotation, attempt).await.unwrap(),
            Verb::Revoke(id, revocation) => {
                let Look { now, seen } = store.revoke(realm, id, revocation, attempt).await.unwrap();
                let row = self.rows.get(&id).map(|row| row.revoke(revocation, now, attempt));
                prop_assert_eq!(seen.map(|seen| seen.grant), row.clone());
                self.rows.extend(row.map(|row| (id, row)));
                return Ok(());
            }
        };
        let Outcome { now, verdict } = outcome;
        let (done, seen) = match verdict {
            Verdict::Done(seen) => (true, Some(seen)),
            Verdict::Refused(seen) => (false, seen),
        };
        let (id, next, led_there) = self.expected(verb, now, attempt);
        let before = self.rows.get(&id);
        let repeated = before.is_some_and(|row| row.attempt == attempt && led_there(&row.state));
        prop_assert_eq!(done, next.is_some() || repeated, "{:?} at {:?} on {:?}", verb, now, before);
        let row = next.or_else(|| before.cloned());
        prop_assert_eq!(seen.map(|Seen { grant, .. }| grant), row.clone());
        self.rows.extend(row.map(|row| (id, row)));
        Ok(())
    }

    #[expect(clippy::type_complexity, reason = "said once")]
    fn expected(
        &self,
        verb: Verb,
        now: kimbai_core::time::Micros,
        attempt: AttemptId,
    ) -> (GrantId, Option<Grant>, Box<dyn Fn(&State) -> bool>) {
        match verb {
            Verb::Open(opening) => {
                let next = (!self.rows.contains_key(&opening.id)).then(|| opening.grant(now, attempt));
                let led_there: Box<dyn Fn(&State) -> bool> = match opening.start {
                    Start::Code { .. } => Box::new(|state| matches!(state, State::Code { .. })),
                    Start::Tokens(_) | Start::Exchanged(..) => {
                        Box::new(|state| generation(state) == Some(Generation::FIRST))
                    }
                };
                (opening.id, next, led_there)
            }
            Verb::Redeem(id, redemption) => {
                let next = self.rows.get(&id).and_then(|row| row.redeem(&redemption, now, attempt));
                (id, next, Box::new(|state| generation(state) == Some(Generation::FIRST)))
            }
            Verb::Rotate(id, rotation) => {
                let next = self.rows.get(&id).and_then(|row| row.rotate(&rotation, now, attempt));
                (id, next, Box::new(move |state| generation(state) == rotation.generation.next()))
            }
            Verb::Revoke(id, _) => (id, None, Box::new(|_| false)),
        }
    }

    fn verb(&self, step: &Step) -> Option<Verb> {
        Some(match *step {
            Step::Open(id, client, [code_lifetime_s, absolute_lifetime_s]) => Verb::Open(Opening {
                id: GrantId(id),
                client: ClientNumber(client),
                user: UserNumber(u32::MAX),
                organization: OrganizationNumber(u32::MAX),
                client_epoch: u32::MAX,
                user_epoch: 0,
                scope: ScopeSet(u64::MAX),
                auth_time_s: u32::MAX,
                log_in: LogIn { session: ShortDigest([0xff; 16]), requested: RequestedClaims::from_bits(u64::MAX) },
                start: Start::Code { binding: binding(0), lifetime_s: code_lifetime_s },
                absolute_lifetime_s,
            }),
            Step::OpenWithTokens(id, client, absolute_lifetime_s, terms) => {
                let code = self.verb(&Step::Open(id, client, [0, absolute_lifetime_s]))?;
                let Verb::Open(opening) = code else { return None };
                Verb::Open(Opening { start: Start::Tokens(terms), ..opening })
            }
            Step::Redeem(id, client, bound, terms) => {
                let redemption = Redemption { client: ClientNumber(client), binding: binding(bound), terms };
                Verb::Redeem(GrantId(id), redemption)
            }
            Step::Rotate(id, client, ahead, other_time, terms) => {
                let now = self.rows.get(&GrantId(id)).and_then(|row| match row.state {
                    State::Active(active) => Some((active.generation.number(), active.rotated.low_bits())),
                    State::Code { .. } | State::Ended { .. } => None,
                });
                let (number, low) = now.unwrap_or((1, 0));
                let generation = Generation::new(number.saturating_add_signed(ahead))?;
                let client = ClientNumber(client);
                Verb::Rotate(GrantId(id), Rotation { client, generation, rotated_low: low ^ other_time, terms })
            }
            Step::End(id, reason) => Verb::Revoke(GrantId(id), Revocation::Grant(reason)),
            Step::EndExpired(id, reason) => Verb::Revoke(GrantId(id), Revocation::Expired(reason)),
            Step::EndAccess(id, through) => {
                Verb::Revoke(GrantId(id), Revocation::AccessThrough(Generation::new(through)?))
            }
            Step::Look(_) | Step::Advance(_) | Step::Repeat => return None,
        })
    }
}

fn generation(state: &State) -> Option<Generation> {
    match state {
        State::Active(active) => Some(active.generation),
        State::Code { .. } | State::Ended { .. } => None,
    }
}

fn binding(bound: u8) -> CodeBinding {
    let digest = |bit| if bound & bit == 0 { ShortDigest([7; 16]) } else { ShortDigest::ABSENT };
    CodeBinding { redirect_uri: digest(1), code_challenge: digest(2) }
}

/// Mostly what succeeds, so that histories grow long; the rest goes wrong in one way.
fn step() -> impl Strategy<Value = Step> {
    let id = || prop_oneof![Just(0_u64), Just(u64::MAX), Just(0x7FFF_FFFF_0000_0000), Just(1 << 63)];
    let client = || prop_oneof![9 => Just(1_u32), 1 => Just(2)];
    let lifetimes = prop_oneof![
        4 => Just([60, 86_400]),
        1 => Just([60, 30]),
        1 => Just([0, 10]),
        1 => Just([600, u32::MAX]),
    ];
    let ahead = prop_oneof![8 => Just(0), 1 => -2..3];
    let other_time = prop_oneof![8 => Just(0_u32), 1 => any::<u32>()];
    prop_oneof![
        3 => (id(), client(), lifetimes).prop_map(|(id, client, lifetimes)| Step::Open(id, client, lifetimes)),
        1 => (id(), client(), prop_oneof![3 => Just(86_400), 1 => Just(1), 1 => Just(u32::MAX)], terms())
            .prop_map(|(id, client, absolute_s, terms)| Step::OpenWithTokens(id, client, absolute_s, terms)),
        4 => (id(), client(), prop_oneof![6 => Just(0_u8), 1 => 1_u8..4], terms())
            .prop_map(|(id, client, bound, terms)| Step::Redeem(id, client, bound, terms)),
        8 => (id(), client(), ahead, other_time, terms())
            .prop_map(|(id, client, ahead, time, terms)| Step::Rotate(id, client, ahead, time, terms)),
        1 => (id(), prop::sample::select(EndReason::ALL.to_vec())).prop_map(|(id, reason)| Step::End(id, reason)),
        1 => (id(), prop::sample::select(EndReason::ALL.to_vec()))
            .prop_map(|(id, reason)| Step::EndExpired(id, reason)),
        1 => (id(), 0_u32..6).prop_map(|(id, through)| Step::EndAccess(id, through)),
        1 => id().prop_map(Step::Look),
        3 => prop::sample::select(vec![1, -1, 59, -30, 3_600, -86_400, 86_400]).prop_map(Step::Advance),
        2 => Just(Step::Repeat),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let idle = prop_oneof![3 => Just(Some(7_200)), 1 => Just(None), 1 => Just(Some(1)), 1 => Just(Some(u32::MAX))];
    let access = prop_oneof![4 => Just(3_600_u32), 1 => Just(u32::MAX), 1 => Just(0)];
    (access, idle, any::<u8>()).prop_map(|(access_lifetime_s, idle_lifetime_s, sealing_key)| Terms {
        access_lifetime_s,
        idle_lifetime_s,
        sealing_key,
    })
}
