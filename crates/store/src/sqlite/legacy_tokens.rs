//! Tokens of an older system, and how far their exchanges have come.

use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{ShortDigest, Standing};
use kimbai_core::number::{ClientNumber, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::time::Micros;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows;
use crate::{Epochs, LegacyTokenOwner, LegacyTokenRow, LegacyTokenStep, StoreError};

/// Stores one with its parties' epochs. One that is there stays as it is but for these, where they are renewed; one of another owner is
/// taken.
pub(super) fn put(
    connection: &Connection,
    realm: RealmNumber,
    (token, owner, epochs): (ShortDigest, LegacyTokenOwner, Epochs),
    now: Micros,
) -> Result<(), Fault> {
    let LegacyTokenOwner { organization, client, user } = owner;
    let put = connection
        .prepare_cached(
            "INSERT INTO legacy_tokens (realm, token, organization, client, user, client_epoch, user_epoch, put, ends, \
             exchange, opened) SELECT ?1, ?2, ?3, ?4, ?5, c.epoch, u.epoch, ?6, ?7, 1, 0 \
             FROM standing AS c, standing AS u WHERE c.realm = ?1 AND c.party = 0 AND c.number = ?4 \
             AND u.realm = ?1 AND u.party = 1 AND u.number = ?5 \
             ON CONFLICT DO UPDATE SET client_epoch = iif(?8, excluded.client_epoch, client_epoch), \
             user_epoch = iif(?8, excluded.user_epoch, user_epoch) \
             WHERE organization = excluded.organization AND client = excluded.client AND user = excluded.user",
        )?
        .execute(params![
            realm.0,
            token.0,
            organization.0,
            client.0,
            user.0,
            now.0,
            Micros::NEVER.0,
            epochs == Epochs::Renewed
        ])?;
    if put == 1 {
        return Ok(());
    }
    let is_there = connection
        .prepare_cached("SELECT 1 FROM legacy_tokens WHERE realm = ?1 AND token = ?2")?
        .exists(params![realm.0, token.0])?;
    Err(Fault::Store(if is_there {
        StoreError::Taken
    } else {
        StoreError::Unreadable("a legacy token's client or user is not there".to_owned())
    }))
}

/// The legacy tokens of realm `?1` with the standing of their parties, for [`row_of`].
macro_rules! legacy_token_rows {
    ($($index:literal)?) => {
        concat!(
            "SELECT g.token, g.organization, g.client, g.user, g.client_epoch, g.user_epoch, g.put, g.ends, g.exchange, \
             g.opened, c.active, c.epoch, u.active, u.epoch FROM legacy_tokens AS g",
            $(" INDEXED BY ", $index,)?
            $crate::sqlite::rows::standing_joins!(),
            " WHERE g.realm = ?1"
        )
    };
}

/// The exchange of number `?3` of legacy token `?2` of realm `?1` was opened.
pub(super) const OPENED: &str = "UPDATE legacy_tokens SET opened = 1 WHERE realm = ?1 AND token = ?2 AND exchange = ?3";

pub(super) fn find(
    connection: &Connection,
    realm: RealmNumber,
    token: ShortDigest,
    now: Micros,
) -> Result<Option<LegacyTokenRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(legacy_token_rows!(), " AND g.token = ?2"))?;
    Ok(statement.query_row(params![realm.0, token.0], |row| row_of(row, now)).optional()?)
}

pub(super) fn list(
    connection: &Connection,
    (realm, organization): (RealmNumber, OrganizationNumber),
    after: Option<ShortDigest>,
    limit: u32,
    now: Micros,
) -> Result<Vec<LegacyTokenRow>, Fault> {
    let mut statement = connection.prepare_cached(concat!(
        legacy_token_rows!("legacy_tokens_of_organization"),
        " AND g.organization = ?2 AND g.token > ?3 ORDER BY g.token LIMIT ?4"
    ))?;
    // Before all of them comes what is no digest at all.
    let after = after.map_or(Vec::new(), |after| after.0.to_vec());
    let rows = statement.query_map(params![realm.0, organization.0, after, limit], |row| row_of(row, now))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes a step, if the token still stands before it.
pub(super) fn step(
    connection: &Connection,
    realm: RealmNumber,
    step: LegacyTokenStep,
    now: Micros,
) -> Result<(), Fault> {
    match step {
        LegacyTokenStep::Next(ExchangeOrigin { token, number }) => connection
            .prepare_cached(
                "UPDATE legacy_tokens SET exchange = exchange + 1, opened = 0 \
                 WHERE realm = ?1 AND token = ?2 AND exchange = ?3",
            )?
            .execute(params![realm.0, token.0, number])?,
        LegacyTokenStep::NextAndEnd(ExchangeOrigin { token, number }) => connection
            .prepare_cached(
                "UPDATE legacy_tokens SET exchange = exchange + 1, opened = 0, ends = min(ends, ?4) \
                 WHERE realm = ?1 AND token = ?2 AND exchange = ?3",
            )?
            .execute(params![realm.0, token.0, number, now.0])?,
        LegacyTokenStep::End(token) => connection
            .prepare_cached("UPDATE legacy_tokens SET ends = ?3 WHERE realm = ?1 AND token = ?2 AND ends > ?3")?
            .execute(params![realm.0, token.0, now.0])?,
    };
    Ok(())
}

fn row_of(row: &Row<'_>, now: Micros) -> rusqlite::Result<LegacyTokenRow> {
    Ok(LegacyTokenRow {
        token: ShortDigest(rows::bytes(row, 0)?),
        owner: LegacyTokenOwner {
            organization: OrganizationNumber(row.get(1)?),
            client: ClientNumber(row.get(2)?),
            user: UserNumber(row.get(3)?),
        },
        client_epoch: row.get(4)?,
        user_epoch: row.get(5)?,
        put: Micros(row.get(6)?),
        ends: Micros(row.get(7)?),
        exchange: row.get(8)?,
        opened: row.get(9)?,
        standing: Standing { client: rows::standing(row, 10)?, user: rows::standing(row, 12)? },
        now,
    })
}

#[cfg(test)]
mod tests {
    use super::super::migrate;
    use super::*;
    use crate::Clock;

    #[test]
    fn no_look_reads_the_whole_table_or_sorts() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut connection, migrate::ALL, &Clock::default()).unwrap();
        let list = concat!(
            legacy_token_rows!("legacy_tokens_of_organization"),
            " AND g.organization = ?2 AND g.token > ?3 ORDER BY g.token LIMIT ?4"
        );
        for (sql, expected) in [
            (concat!(legacy_token_rows!(), " AND g.token = ?2"), "SEARCH g USING PRIMARY KEY (realm=? AND token=?)"),
            (list, "SEARCH g USING INDEX legacy_tokens_of_organization (realm=? AND organization=? AND token>?)"),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = rusqlite::params_from_iter(vec![1; statement.parameter_count()]);
            let plan = statement.query_map(parameters, |row| row.get(3)).unwrap();
            let plan: Vec<String> = plan.map(Result::unwrap).collect();
            assert_eq!((plan.len(), plan[0].as_str()), (3, expected), "{plan:?}");
            assert!(plan[1..].iter().all(|step| step.starts_with("SEARCH")), "{plan:?}");
        }
    }
}
