//! What an operator may want to know afterwards: audit events, newest first.
//!
//! Each filter has an index of its own that ends in the time; a second filter is looked for among what the first finds.

use std::borrow::Cow;

use kimbai_core::number::RealmNumber;
use kimbai_core::time::Micros;
use rusqlite::{Connection, params};

use super::fault::Fault;
use crate::{AuditEvent, AuditFilter};

/// The newest events of a realm that pass the filter.
pub(super) fn newest(
    connection: &Connection,
    realm: RealmNumber,
    filter: AuditFilter,
    limit: u32,
) -> Result<Vec<(Micros, AuditEvent)>, Fault> {
    let mut statement = connection.prepare_cached(statement_of(&filter))?;
    let since = filter.since.map_or(i64::MIN, |since| since.0);
    let grant = filter.grant.map(u64::cast_signed);
    let rows = statement.query_map(params![realm.0, limit, since, grant, filter.client, filter.user], |row| {
        let event = AuditEvent {
            realm,
            event: Cow::Owned(row.get(1)?),
            grant: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
            client: row.get(3)?,
            user: row.get(4)?,
            source: row.get(5)?,
        };
        Ok((Micros(row.get(0)?), event))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The statement that goes by what is rarest: a grant has the fewest events, then a user.
const fn statement_of(filter: &AuditFilter) -> &'static str {
    match filter {
        AuditFilter { grant: Some(_), .. } => OF_GRANT,
        AuditFilter { user: Some(_), .. } => OF_USER,
        AuditFilter { client: Some(_), .. } => OF_CLIENT,
        AuditFilter { grant: None, user: None, client: None, .. } => OF_REALM,
    }
}

macro_rules! newest {
    ($condition:literal) => {
        concat!(
            "SELECT at, event, grant, client, user, source FROM audit WHERE realm = ?1 AND ",
            $condition,
            " AND at >= ?3 ORDER BY at DESC, number DESC LIMIT ?2"
        )
    };
}

// `?4`, `?5` and `?6` are bound in each of them.
const OF_GRANT: &str = newest!("grant = ?4 AND (?5 IS NULL OR client = ?5) AND (?6 IS NULL OR user = ?6)");
const OF_USER: &str = newest!("user = ?6 AND (?5 IS NULL OR client = ?5) AND ?4 IS NULL");
const OF_CLIENT: &str = newest!("client = ?5 AND ?4 IS NULL AND ?6 IS NULL");
const OF_REALM: &str = newest!("?4 IS NULL AND ?5 IS NULL AND ?6 IS NULL");

#[cfg(test)]
mod tests {
    use super::super::migrate;
    use super::*;
    use crate::Clock;

    #[test]
    fn no_filter_reads_the_whole_table_or_sorts() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut connection, migrate::ALL, &Clock::default()).unwrap();
        for (sql, index) in [
            (OF_GRANT, "audit_of_grant"),
            (OF_USER, "audit_of_user"),
            (OF_CLIENT, "audit_of_client"),
            (OF_REALM, "audit_of_realm"),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = params![1, 1, 1, 1, 1, 1];
            let plan = statement.query_map(parameters, |row| row.get::<_, String>(3)).unwrap();
            let plan: Vec<_> = plan.map(Result::unwrap).collect();
            assert_eq!(plan.len(), 1, "{plan:?}");
            assert!(plan[0].starts_with(&format!("SEARCH audit USING INDEX {index} (")), "{plan:?}");
        }
    }
}
