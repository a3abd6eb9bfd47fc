//! The ledger on SQLite: verbs go to the writer, look-ups to the readers.

use kimbai_core::grant::{Look, Opening, Outcome, PartyStanding, Redemption, Revocation, Rotation};
use kimbai_core::number::{AttemptId, ClientNumber, GrantId, RealmNumber};
use kimbai_core::time::Micros;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::fault::Fault;
use super::rows::{self, seen_rows};
use super::{SqliteStore, parties, sweep, verbs};
use crate::columns;
use crate::ledger::Answer;
use crate::{GrantSlice, GrantsOf, Ledger, RowlessLook, SweepStep};

impl Ledger for SqliteStore {
    fn open(&self, realm: RealmNumber, opening: Opening, attempt: AttemptId) -> Answer<'_, Outcome> {
        self.verb(move |hand| Ok(hand.verbs.open(&hand.verb(realm, opening.id, attempt), &opening)?))
    }

    fn redeem(
        &self,
        realm: RealmNumber,
        id: GrantId,
        redemption: Redemption,
        attempt: AttemptId,
    ) -> Answer<'_, Outcome> {
        self.verb(move |hand| Ok(hand.verbs.redeem(&hand.verb(realm, id, attempt), &redemption)?))
    }

    fn rotate(&self, realm: RealmNumber, id: GrantId, rotation: Rotation, attempt: AttemptId) -> Answer<'_, Outcome> {
        self.verb(move |hand| Ok(hand.verbs.rotate(&hand.verb(realm, id, attempt), &rotation)?))
    }

    fn revoke(&self, realm: RealmNumber, id: GrantId, revocation: Revocation, attempt: AttemptId) -> Answer<'_, Look> {
        self.verb(move |hand| Ok(hand.verbs.revoke(&hand.verb(realm, id, attempt), revocation)?))
    }

    fn lookup(&self, realm: RealmNumber, id: GrantId) -> Answer<'_, Look> {
        self.read(move |connection, now| {
            let mut statement = connection.prepare_cached(verbs::SEEN)?;
            let seen = statement.query_row(params![realm.0, columns::id_column(id)], rows::seen).optional()?;
            Ok(Look { now, seen })
        })
    }

    fn lookup_with_claims(&self, realm: RealmNumber, id: GrantId) -> Answer<'_, (Look, Option<String>)> {
        self.read(move |connection, now| {
            let mut statement = connection.prepare_cached(rows::SEEN_WITH_CLAIMS)?;
            let found = |row: &Row<'_>| Ok((rows::seen(row)?, row.get(rows::CLAIMS_COLUMN)?));
            let found = statement.query_row(params![realm.0, columns::id_column(id)], found).optional()?;
            let (seen, claims) = found.unzip();
            Ok((Look { now, seen }, claims.flatten()))
        })
    }

    fn lookup_rowless(&self, realm: RealmNumber, client: ClientNumber, token: [u8; 16]) -> Answer<'_, RowlessLook> {
        self.read(move |connection, now| {
            let mut statement = connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM denials WHERE realm = ?1 AND client = ?2 AND token = ?3)",
            )?;
            let denied = statement.query_row(params![realm.0, client.0, token], |row| row.get(0))?;
            Ok(RowlessLook { now, client: standing(connection, realm, CLIENT, client.0)?, denied })
        })
    }

    fn deny_rowless(
        &self,
        realm: RealmNumber,
        client: ClientNumber,
        token: [u8; 16],
        expiry_s: u32,
        per_client_max: u32,
    ) -> Answer<'_, PartyStanding> {
        self.savepoint(move |connection, now| {
            let now_s = now.as_unix_s();
            if expiry_s > now_s {
                deny(connection, (realm, client), (token, expiry_s), per_client_max, now_s)?;
            }
            standing(connection, realm, CLIENT, client.0)
        })
    }

    fn grants(&self, realm: RealmNumber, of: GrantsOf, after: Option<GrantId>, limit: u32) -> Answer<'_, GrantSlice> {
        self.read(move |connection, now| live_grants(connection, (realm, of), after, limit, now))
    }

    fn sweep(&self, cursor: Option<(RealmNumber, GrantId)>, rows_max: u32, retention_s: u32) -> Answer<'_, SweepStep> {
        self.savepoint(move |connection, now| sweep::step(connection, cursor, rows_max, retention_s, now))
    }

    fn now(&self) -> Micros {
        self.shared.clock.now()
    }

    fn available_since(&self) -> Micros {
        Micros(self.shared.available_since.load(std::sync::atomic::Ordering::Acquire))
    }

    fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }
}

/// `standing.party` of a client.
pub(super) const CLIENT: u8 = 0;
/// `standing.party` of a user.
pub(super) const USER: u8 = 1;

fn deny(
    connection: &Connection,
    (realm, client): (RealmNumber, ClientNumber),
    (token, expiry_s): ([u8; 16], u32),
    per_client_max: u32,
    now_s: u32,
) -> Result<(), Fault> {
    let prepared = |sql| connection.prepare_cached(sql);
    let is_known = prepared("SELECT 1 FROM denials WHERE realm = ?1 AND client = ?2 AND token = ?3")?
        .exists(params![realm.0, client.0, token])?;
    if is_known {
        return Ok(());
    }
    let count: u32 = prepared("SELECT count(*) FROM denials WHERE realm = ?1 AND client = ?2 AND expiry_s > ?3")?
        .query_row(params![realm.0, client.0, now_s], |row| row.get(0))?;
    if count < per_client_max {
        prepared("INSERT INTO denials (realm, client, token, expiry_s) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![realm.0, client.0, token, expiry_s])?;
    } else {
        parties::advance_client_epoch(connection, realm, client)?;
        // The epoch says no to all of them now.
        prepared("DELETE FROM denials WHERE realm = ?1 AND client = ?2")?.execute(params![realm.0, client.0])?;
    }
    Ok(())
}

/// The standing of one party.
pub(super) fn standing(
    connection: &Connection,
    realm: RealmNumber,
    party: u8,
    number: u32,
) -> Result<PartyStanding, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT active, epoch FROM standing WHERE realm = ?1 AND party = ?2 AND number = ?3")?;
    let found = statement.query_row(params![realm.0, party, number], |row| rows::standing(row, 0)).optional()?;
    Ok(found.unwrap_or(PartyStanding::GONE))
}

fn live_grants(
    connection: &Connection,
    (realm, of): (RealmNumber, GrantsOf),
    after: Option<GrantId>,
    limit: u32,
    now: Micros,
) -> Result<GrantSlice, Fault> {
    let Some(from) = after.map_or(Some(i64::MIN), |id| columns::id_column(id).checked_add(1)) else {
        return Ok(GrantSlice { grants: Vec::new(), next: None });
    };
    let (sql, parties) = match of {
        GrantsOf::Realm => (GRANTS_OF_REALM, vec![]),
        GrantsOf::User(user) => (GRANTS_OF_USER, vec![user.0]),
        GrantsOf::Client(client) => (GRANTS_OF_CLIENT, vec![client.0]),
        GrantsOf::Active(user, client) => (ACTIVE_GRANTS, vec![user.0, client.0]),
        GrantsOf::Organization(organization) => (GRANTS_OF_ORGANIZATION, vec![organization.0]),
    };
    let mut statement = connection.prepare_cached(sql)?;
    let parameters = [realm.0.into(), from].into_iter().chain(parties.into_iter().map(i64::from));
    let mut found = statement.query(params_from_iter(parameters))?;
    let mut live = Vec::new();
    let mut next = None;
    for _ in 0..READ_MAX {
        if live.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            break;
        }
        let Some(row) = found.next()? else {
            next = None;
            break;
        };
        let seen = rows::seen(row)?;
        next = Some(seen.grant.id);
        if !seen.grant.is_over(now) {
            live.push(seen);
        }
    }
    Ok(GrantSlice { grants: live, next })
}

/// So many rows are read for one answer: for as long as they are, the log of writes cannot begin again at its start.
const READ_MAX: u32 = 20_000;

const GRANTS_OF_REALM: &str = concat!(seen_rows!(), " AND g.id >= ?2 ORDER BY g.id");
// Named, because the primary key looks better to the planner: with it, a user's list would read the whole realm.
const GRANTS_OF_USER: &str = concat!(seen_rows!("grants_of_user"), " AND g.user = ?3 AND g.id >= ?2 ORDER BY g.id");
const GRANTS_OF_CLIENT: &str =
    concat!(seen_rows!("grants_of_client"), " AND g.client = ?3 AND g.id >= ?2 ORDER BY g.id");
const ACTIVE_GRANTS: &str = concat!(
    seen_rows!("grants_of_user"),
    " AND g.user = ?3 AND g.id >= ?2 AND g.client = ?4 AND g.state = 1 ORDER BY g.id"
);
const GRANTS_OF_ORGANIZATION: &str = concat!(
    seen_rows!("grants_of_organization"),
    " AND g.organization = ?3 AND g.organization <> 0 AND g.id >= ?2 ORDER BY g.id"
);

#[cfg(test)]
mod tests {
    use super::super::migrate;
    use super::*;
    use crate::Clock;

    #[test]
    fn no_list_reads_the_whole_table_or_sorts() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut connection, migrate::ALL, &Clock::default()).unwrap();
        for (sql, expected) in [
            (GRANTS_OF_REALM, "SEARCH g USING PRIMARY KEY (realm=? AND id>?)"),
            (GRANTS_OF_USER, "SEARCH g USING INDEX grants_of_user (realm=? AND user=? AND id>?)"),
            (ACTIVE_GRANTS, "SEARCH g USING INDEX grants_of_user (realm=? AND user=? AND id>?)"),
            (GRANTS_OF_CLIENT, "SEARCH g USING INDEX grants_of_client (realm=? AND client=? AND id>?)"),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = params_from_iter(vec![1; statement.parameter_count()]);
            let plan = statement.query_map(parameters, |row| row.get(3)).unwrap();
            let plan: Vec<String> = plan.map(Result::unwrap).collect();
            assert_eq!(plan.len(), 3, "the grants, and the standing of both parties: {plan:?}");
            assert_eq!(plan[0], expected);
            assert!(plan[1..].iter().all(|step| step.starts_with("SEARCH")), "{plan:?}");
        }
    }
}
