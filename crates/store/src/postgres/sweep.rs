//! Deleting what nothing needs any more, a few rows at a time, by one of the servers: by the session that has the lock.
//!
//! Each statement is a transaction of its own that reads a short piece of an index. It waits for nobody: a row that is
//! locked is used, and is swept the next time.

use kimbai_core::number::{GrantId, RealmNumber};
use kimbai_core::realm::SESSION_IDLE_MAX_S;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::fault::{Fault, column};
use crate::{StoreError, SweepStep, columns};

/// So long an audit event can be read, unless a million newer ones came: what strangers can make us write is bounded.
const AUDIT_S: u32 = 90 * 86_400;

/// What a session needs that sweeps.
pub(super) struct Sweeper {
    grants: Statement,
    /// With the age in seconds from which on rows are deleted.
    others: [(Statement, u32); 4],
}

impl Sweeper {
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            grants: client.prepare(GRANTS).await?,
            others: [
                (client.prepare(SESSIONS).await?, SESSION_IDLE_MAX_S),
                (client.prepare(DENIALS).await?, 0),
                (client.prepare(LOG_INS).await?, 0),
                (client.prepare(AUDIT).await?, AUDIT_S),
            ],
        })
    }

    /// One step: the next grants after the cursor, and as many rows of each other table.
    pub(super) async fn step(
        &self,
        client: &Client,
        cursor: Option<(RealmNumber, GrantId)>,
        rows_max: u32,
        retention_s: u32,
    ) -> Result<SweepStep, StoreError> {
        let first = (i32::MIN, i64::MIN);
        let (realm, id) = cursor.map_or(first, |(realm, id)| (realm.0.cast_signed(), columns::id_column(id)));
        let limit = i64::from(rows_max);
        let parameters: [&(dyn ToSql + Sync); 5] = [&realm, &id, &cursor.is_none(), &limit, &i64::from(retention_s)];
        let row = client.query_one(&self.grants, &parameters).await.map_err(failed)?;
        let read: i64 = column(&row, 0)?;
        let mut deleted = column::<i64>(&row, 1)?.cast_unsigned();
        let cursor = match (column(&row, 2)?, column::<Option<i64>>(&row, 3)?) {
            (Some(realm), Some(id)) if read >= limit => {
                Some((RealmNumber(i32::cast_unsigned(realm)), columns::id_of(id)))
            }
            _ => None,
        };
        for (statement, age_s) in &self.others {
            deleted += client.execute(statement, &[&i64::from(*age_s), &limit]).await.map_err(failed)?;
        }
        Ok(SweepStep { cursor, deleted: u32::try_from(deleted).unwrap_or(u32::MAX) })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn failed(error: Error) -> StoreError {
    Fault::of(&error).answer()
}

/// The next `$4` grants after `($1, $2)`, itself among them where `$3`, without those that have been over for `$5`
/// seconds: how many there were, how many of them are gone, and the last one. As in [`kimbai_core::grant::Grant::is_over`].
const GRANTS: &str = "WITH t AS MATERIALIZED (SELECT kimbai.now_us() - $5::bigint * 1000000 AS over_at), \
     slice AS MATERIALIZED (SELECT realm, id FROM kimbai.grants \
     WHERE (realm, id) >= ($1, $2) AND ($3 OR (realm, id) > ($1, $2)) ORDER BY realm, id LIMIT $4), \
     ended AS MATERIALIZED (SELECT g.realm, g.id FROM slice \
     JOIN kimbai.grants AS g ON g.realm = slice.realm AND g.id = slice.id \
     WHERE greatest(g.state_end, CASE WHEN g.state = 1 THEN g.access_expiry_s * 1000000 ELSE g.state_end END) \
     <= (SELECT over_at FROM t) FOR UPDATE OF g SKIP LOCKED), \
     gone AS (DELETE FROM kimbai.grants AS g USING ended WHERE g.realm = ended.realm AND g.id = ended.id RETURNING 1) \
     SELECT (SELECT count(*) FROM slice), (SELECT count(*) FROM gone), l.realm, l.id FROM (VALUES (1)) AS one \
     LEFT JOIN (SELECT realm, id FROM slice ORDER BY realm DESC, id DESC LIMIT 1) AS l ON true";

const SESSIONS: &str = "WITH t AS MATERIALIZED (SELECT kimbai.now_us() - $1::bigint * 1000000 AS old), \
     unused AS MATERIALIZED (SELECT realm, id FROM kimbai.sessions WHERE last_used <= (SELECT old FROM t) \
     ORDER BY last_used LIMIT $2 FOR UPDATE SKIP LOCKED) \
     DELETE FROM kimbai.sessions AS s USING unused WHERE s.realm = unused.realm AND s.id = unused.id";

const DENIALS: &str = "WITH t AS MATERIALIZED (SELECT (kimbai.now_us() - $1::bigint * 1000000) / 1000000 AS old_s), \
     expired AS MATERIALIZED (SELECT realm, client, token FROM kimbai.denials WHERE expiry_s <= (SELECT old_s FROM t) \
     ORDER BY expiry_s LIMIT $2 FOR UPDATE SKIP LOCKED) \
     DELETE FROM kimbai.denials AS d USING expired \
     WHERE d.realm = expired.realm AND d.client = expired.client AND d.token = expired.token";

// The index is by realm and end.
const LOG_INS: &str = "WITH t AS MATERIALIZED (SELECT kimbai.now_us() - $1::bigint * 1000000 AS old), \
     forgotten AS MATERIALIZED (SELECT l.realm, l.key FROM kimbai.realms AS r \
     JOIN kimbai.log_ins AS l ON l.realm = r.number AND l.ends <= (SELECT old FROM t) \
     LIMIT $2 FOR UPDATE OF l SKIP LOCKED) \
     DELETE FROM kimbai.log_ins AS l USING forgotten WHERE l.realm = forgotten.realm AND l.key = forgotten.key";

// Only among the oldest: events lie in the order of their making, and have no index by time.
const AUDIT: &str = "WITH t AS MATERIALIZED (SELECT kimbai.now_us() - $1::bigint * 1000000 AS old, \
     (SELECT max(number) FROM kimbai.audit) - 1000000 AS beyond), \
     oldest AS MATERIALIZED (SELECT number, at FROM kimbai.audit ORDER BY number LIMIT $2) \
     DELETE FROM kimbai.audit AS a USING oldest, t \
     WHERE a.number = oldest.number AND (oldest.at <= t.old OR oldest.number <= t.beyond)";

#[cfg(test)]
mod tests {
    use kimbai_postgres_fixture::{Server, Version};

    use super::super::connect::{Connector, Role};
    use super::super::migrate;
    use super::*;

    #[tokio::test]
    async fn no_step_reads_a_whole_table() {
        for version in Version::under_test() {
            let database = Server::shared(*version).fresh_database();
            let connector = Connector::new(&database.url().parse().unwrap()).unwrap();
            let connected = connector.connect(Role::Lane).await.unwrap();
            let client = &connected.client;
            migrate::prepare(&connector, client).await.unwrap();
            let grants = "integer, bigint, boolean, bigint, bigint";
            for (name, sql, types, parameters) in [
                ("grants", GRANTS, grants, "1, 5, false, 10, 0"),
                ("sessions", SESSIONS, "bigint, bigint", "0, 10"),
                ("denials", DENIALS, "bigint, bigint", "0, 10"),
                ("log_ins", LOG_INS, "bigint, bigint", "0, 10"),
                ("audit", AUDIT, "bigint, bigint", "0, 10"),
            ] {
                client.batch_execute(&format!("PREPARE of_{name} ({types}) AS {sql}")).await.unwrap();
                let plan = client.simple_query(&format!("EXPLAIN EXECUTE of_{name} ({parameters})")).await.unwrap();
                let plan = format!("{plan:?}");
                assert!(plan.contains("Index") && !plan.contains("Seq Scan"), "{name}: {plan}");
            }
        }
    }
}
