//! The verbs as statements: one conditional update each, then one look at the row, in the same transaction of the only
//! writer.
//!
//! The look after the update serves refusals and successes alike, and spares the temporary table of `RETURNING`. The
//! conditions are those of `kimbai_core::grant`; the suite compares the two.

use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{Active, Look, Opening, Outcome, Redemption, Revocation, Rotation, Seen, Start, State, Terms};
use kimbai_core::number::{AttemptId, Generation, GrantId, RealmNumber};
use kimbai_core::time::Micros;
use rusqlite::{Connection, Result, Statement, params};

use super::legacy_tokens;
use super::rows::{self, seen_rows};
use crate::columns;
use crate::outcome::{Destination, verdict};

/// The row and its standing by primary key: `?1` realm, `?2` id.
pub(super) const SEEN: &str = concat!(seen_rows!(), " AND g.id = ?2");

/// The prepared statements of the verbs, which live as long as the writer's connection.
pub(super) struct Verbs<'c> {
    open: Statement<'c>,
    exchange_opened: Statement<'c>,
    redeem: Statement<'c>,
    rotate: Statement<'c>,
    end: Statement<'c>,
    end_expired: Statement<'c>,
    revoke_access: Statement<'c>,
    seen: Statement<'c>,
}

impl<'c> Verbs<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self> {
        Ok(Self {
            open: connection.prepare(OPEN)?,
            exchange_opened: connection.prepare(legacy_tokens::OPENED)?,
            redeem: connection.prepare(REDEEM)?,
            rotate: connection.prepare(ROTATE)?,
            end: connection.prepare(END)?,
            end_expired: connection.prepare(END_EXPIRED)?,
            revoke_access: connection.prepare(REVOKE_ACCESS)?,
            seen: connection.prepare(SEEN)?,
        })
    }

    pub(super) fn open(&mut self, verb: &Verb, opening: &Opening) -> Result<Outcome> {
        let row = opening.grant(verb.now, verb.attempt);
        let opened = Opened::of(&row.state);
        let inserted = self.open.execute(params![
            verb.realm.0,
            verb.id(),
            row.client.0,
            row.user.0,
            row.client_epoch,
            row.user_epoch,
            row.scope.0.cast_signed(),
            row.auth_time_s,
            row.opened.0,
            row.absolute_end.0,
            row.binding.redirect_uri.0,
            row.binding.code_challenge.0,
            verb.attempt(),
            opened.state,
            opened.end.0,
            row.log_in.session.0,
            row.log_in.requested.bits().cast_signed(),
            row.organization.0,
            opened.generation.number(),
            opened.redeemed.0,
            opened.rotated.0,
            opened.previous_rotation,
            opened.access_expiry_s,
            opened.sealing_key,
        ])?;
        if let (1, Start::Exchanged(_, ExchangeOrigin { token, number })) = (inserted, &opening.start) {
            self.exchange_opened.execute(params![verb.realm.0, token.0, number])?;
        }
        self.outcome(verb, inserted == 1, Destination::of_opening(&opening.start))
    }

    pub(super) fn redeem(&mut self, verb: &Verb, redemption: &Redemption) -> Result<Outcome> {
        let changed = self.redeem.execute(params![
            verb.realm.0,
            verb.id(),
            verb.now.0,
            verb.attempt(),
            access_expiry_s(&redemption.terms, verb.now),
            idle_end(&redemption.terms, verb.now),
            redemption.terms.sealing_key,
            redemption.client.0,
            redemption.binding.redirect_uri.0,
            redemption.binding.code_challenge.0,
        ])?;
        self.outcome(verb, changed == 1, Destination::FIRST)
    }

    pub(super) fn rotate(&mut self, verb: &Verb, rotation: &Rotation) -> Result<Outcome> {
        let changed = self.rotate.execute(params![
            verb.realm.0,
            verb.id(),
            verb.now.0,
            verb.attempt(),
            access_expiry_s(&rotation.terms, verb.now),
            idle_end(&rotation.terms, verb.now),
            rotation.terms.sealing_key,
            rotation.client.0,
            rotation.generation.number(),
            rotation.rotated_low,
        ])?;
        self.outcome(verb, changed == 1, Destination::after(rotation.generation))
    }

    pub(super) fn revoke(&mut self, verb: &Verb, revocation: Revocation) -> Result<Look> {
        match revocation {
            Revocation::Grant(reason) => {
                let state = columns::ended_column(reason);
                self.end.execute(params![verb.realm.0, verb.id(), verb.now.0, verb.attempt(), state])?
            }
            Revocation::Expired(reason) => {
                let state = columns::ended_column(reason);
                self.end_expired.execute(params![verb.realm.0, verb.id(), verb.now.0, verb.attempt(), state])?
            }
            Revocation::AccessThrough(generation) => {
                let through = generation.number();
                self.revoke_access.execute(params![verb.realm.0, verb.id(), verb.attempt(), through])?
            }
        };
        self.look(verb)
    }

    pub(super) fn look(&mut self, verb: &Verb) -> Result<Look> {
        Ok(Look { now: verb.now, seen: self.seen(verb)? })
    }

    fn outcome(&mut self, verb: &Verb, done: bool, destination: Destination) -> Result<Outcome> {
        let verdict = verdict(self.seen(verb)?, done, destination, verb.attempt);
        Ok(Outcome { now: verb.now, verdict })
    }

    fn seen(&mut self, verb: &Verb) -> Result<Option<Seen>> {
        let mut found = self.seen.query(params![verb.realm.0, verb.id()])?;
        found.next()?.map(rows::seen).transpose()
    }
}

/// The columns of a new grant's state; those of tokens are zero in a code.
struct Opened {
    state: i64,
    end: Micros,
    generation: Generation,
    redeemed: Micros,
    rotated: Micros,
    previous_rotation: u32,
    access_expiry_s: u32,
    sealing_key: u8,
}

impl Opened {
    fn of(state: &State) -> Self {
        let code = |end| Self {
            state: columns::CODE,
            end,
            generation: Generation::CODE,
            redeemed: Micros(0),
            rotated: Micros(0),
            previous_rotation: 0,
            access_expiry_s: 0,
            sealing_key: 0,
        };
        match *state {
            State::Code { end } => code(end),
            State::Active(Active {
                generation,
                redeemed,
                rotated,
                previous_rotation,
                access_expiry_s,
                idle_end,
                access_revoked_through: _,
                sealing_key,
            }) => Self {
                state: columns::ACTIVE,
                end: idle_end,
                generation,
                redeemed,
                rotated,
                previous_rotation,
                access_expiry_s,
                sealing_key,
            },
            // No opening leads there.
            State::Ended { reason, at } => Self { state: columns::ended_column(reason), ..code(at) },
        }
    }
}

/// What every verb names, and the store's time for it.
pub(super) struct Verb {
    pub(super) realm: RealmNumber,
    pub(super) id: GrantId,
    pub(super) attempt: AttemptId,
    pub(super) now: Micros,
}

impl Verb {
    const fn id(&self) -> i64 {
        columns::id_column(self.id)
    }

    const fn attempt(&self) -> i64 {
        self.attempt.0.cast_signed()
    }
}

/// Before it is cut to the grant's absolute end, as the idle end is, in the statement.
fn access_expiry_s(terms: &Terms, now: Micros) -> u32 {
    now.as_unix_s().saturating_add(terms.access_lifetime_s)
}

fn idle_end(terms: &Terms, now: Micros) -> i64 {
    terms.idle_lifetime_s.map_or(Micros::NEVER, |idle_s| now.plus_s(idle_s)).0
}

const OPEN: &str = "INSERT INTO grants (realm, id, client, user, client_epoch, user_epoch, scope, auth_time_s, opened, \
     absolute_end, redirect_uri, code_challenge, attempt, state, state_end, session, requested, organization, \
     generation, redeemed, rotated, previous_rotation, access_expiry_s, sealing_key) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, \
     ?24) ON CONFLICT DO NOTHING";

const REDEEM: &str = "UPDATE grants SET attempt = ?4, state = 1, state_end = min(?6, absolute_end), generation = 1, \
     redeemed = ?3, rotated = ?3, previous_rotation = ?3 & 4294967295, \
     access_expiry_s = min(?5, max(absolute_end / 1000000, 0)), access_revoked_through = 0, sealing_key = ?7 \
     WHERE realm = ?1 AND id = ?2 AND state = 0 AND ?3 < state_end AND client = ?8 AND redirect_uri = ?9 \
     AND code_challenge = ?10";

const ROTATE: &str = "UPDATE grants SET attempt = ?4, state_end = min(?6, absolute_end), generation = generation + 1, \
     rotated = ?3, previous_rotation = rotated & 4294967295, \
     access_expiry_s = min(?5, max(absolute_end / 1000000, 0)), sealing_key = ?7 \
     WHERE realm = ?1 AND id = ?2 AND state = 1 AND generation = ?9 AND rotated & 4294967295 = ?10 AND client = ?8 \
     AND ?3 < state_end AND ?3 < absolute_end AND generation < 16777215";

const END: &str =
    "UPDATE grants SET attempt = ?4, state = ?5, state_end = ?3 WHERE realm = ?1 AND id = ?2 AND state < 2";

const END_EXPIRED: &str = "UPDATE grants SET attempt = ?4, state = ?5, state_end = ?3 \
     WHERE realm = ?1 AND id = ?2 AND state = 1 AND access_expiry_s <= max(?3 / 1000000, 0)";

const REVOKE_ACCESS: &str = "UPDATE grants SET attempt = ?3, access_revoked_through = max(access_revoked_through, ?4) \
     WHERE realm = ?1 AND id = ?2 AND state = 1";
