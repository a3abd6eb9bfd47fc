//! Token requests by table: what is planned, what outcomes mean, what introspection says.

mod introspection;
mod planning;
mod redemption;
mod rotation;
mod services;

use crate::client::tests::{OFFLINE, ORDER};
use crate::grant::{
    Active, CodeBinding, EndReason, Grant, LogIn, PartyStanding, Seen, ShortDigest, Standing, State, Terms,
};
use crate::number::{AttemptId, ClientNumber, Generation, GrantId, OrganizationNumber, UserNumber};
use crate::scope::ScopeSet;
use crate::time::Micros;
use crate::token::TokenRules;

/// The redemption's time: not a whole second.
const REDEEMED: Micros = Micros(1_700_000_000_250_000);
/// The time of the last rotation.
const ROTATED: Micros = Micros(REDEEMED.0 + 3_000_000_000);
const ACCESS_S: u32 = 3_600;
const IDLE_S: u32 = 86_400 * 30;

const TERMS: Terms = Terms { access_lifetime_s: ACCESS_S, idle_lifetime_s: Some(IDLE_S), sealing_key: 0 };
const BINDING: CodeBinding = CodeBinding { redirect_uri: ShortDigest([1; 16]), code_challenge: ShortDigest([2; 16]) };
const SCOPE: ScopeSet = OFFLINE.union(ORDER);
/// Those of a realm without services.
const RULES: TokenRules = TokenRules { offline: OFFLINE, service: None };
const MINE: ClientNumber = ClientNumber(7);
const OTHER: ClientNumber = ClientNumber(8);

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// What a grant in generation `number` knows, rotated at [`ROTATED`].
fn active(number: u32) -> Active {
    Active {
        generation: generation(number),
        redeemed: REDEEMED,
        rotated: ROTATED,
        previous_rotation: REDEEMED.low_bits(),
        access_expiry_s: ROTATED.as_unix_s() + ACCESS_S,
        idle_end: ROTATED.plus_s(IDLE_S),
        access_revoked_through: Generation::CODE,
        sealing_key: 3,
    }
}

fn grant(state: State) -> Grant {
    Grant {
        id: GrantId(5),
        client: MINE,
        user: UserNumber(9),
        organization: OrganizationNumber::NONE,
        client_epoch: 1,
        user_epoch: 2,
        scope: SCOPE,
        auth_time_s: 1,
        log_in: LogIn::NONE,
        opened: REDEEMED,
        absolute_end: REDEEMED.plus_s(365 * 86_400),
        binding: BINDING,
        attempt: AttemptId(1),
        state,
    }
}

fn ended() -> State {
    State::Ended { reason: EndReason::RevokedByClient, at: REDEEMED }
}

/// The standing in which [`grant`] was opened.
const STANDING: Standing =
    Standing { client: PartyStanding { active: true, epoch: 1 }, user: PartyStanding { active: true, epoch: 2 } };

fn seen(grant: Grant) -> Seen {
    Seen { grant, standing: STANDING }
}

/// Standings under which nothing of [`grant`] works, and what is said of them.
fn dead_standings() -> [(Standing, super::Refusal); 7] {
    use super::Refusal::{ClientEnded, UserEnded};
    let party = |active, epoch| PartyStanding { active, epoch };
    [
        (Standing { client: party(false, 1), ..STANDING }, ClientEnded),
        (Standing { client: party(true, 2), ..STANDING }, ClientEnded),
        (Standing { client: PartyStanding::GONE, ..STANDING }, ClientEnded),
        (Standing { user: party(false, 2), ..STANDING }, UserEnded),
        (Standing { user: party(true, 3), ..STANDING }, UserEnded),
        (Standing { user: PartyStanding::GONE, ..STANDING }, UserEnded),
        (Standing { client: party(false, 1), user: party(false, 2) }, ClientEnded),
    ]
}
