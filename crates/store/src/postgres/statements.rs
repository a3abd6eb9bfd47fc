//! The verbs as statements: one conditional update each, over arrays or over one row, from the same text.
//!
//! The conditions are those of `kimbai_core::grant`; the suite compares the two. A statement takes the time once, and
//! returns the rows that it changed, with the standing of their parties; the others are looked at by a later statement,
//! because beside the update they are read as they were before it.

use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Statement};

/// What [`super::rows::seen`] reads: the grant's columns but its id, and the standing of its client and its user, each in
/// one number: the epoch doubled, and one more while it is active.
macro_rules! seen_columns {
    () => {
        "g.client, g.\"user\", g.client_epoch, g.user_epoch, g.scope, g.auth_time_s, g.opened, \
     g.absolute_end, g.redirect_uri, g.code_challenge, g.attempt, g.state, g.state_end, g.generation, g.redeemed, \
     g.rotated, g.previous_rotation, g.access_expiry_s, g.access_revoked_through, g.sealing_key, g.session, g.requested, \
     g.organization, (SELECT s.epoch::bigint * 2 + s.active::int FROM kimbai.standing AS s \
      WHERE s.realm = g.realm AND s.party = 0::smallint AND s.number = g.client), \
     (SELECT s.epoch::bigint * 2 + s.active::int FROM kimbai.standing AS s \
      WHERE s.realm = g.realm AND s.party = 1::smallint AND s.number = g.\"user\")"
    };
}
pub(super) use seen_columns;

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Open,
    /// The same, and the legacy token that it is exchanged for knows of it.
    OpenExchanged,
    Redeem,
    Rotate,
    End,
    EndExpired,
    EndAccess,
    Look,
}

/// How many rows one statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As many as its parameters, which are arrays, have elements.
    Rows,
    /// One.
    Row,
}

/// A parameter, or an element of one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    I32(i32),
    I64(i64),
    Digest([u8; 16]),
    Null,
}

/// All statements, prepared on one connection.
pub(super) struct Prepared {
    rows: [Statement; KINDS.len()],
    row: [Statement; KINDS.len()],
}

impl Prepared {
    /// Prepares them all.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub(super) async fn new(client: &Client) -> Result<Self, Error> {
        let prepare = async |form| {
            let [open, open_exchanged, redeem, rotate, end, end_expired, end_access, look] =
                KINDS.map(|kind| kind.sql(form));
            Ok([
                client.prepare(&open).await?,
                client.prepare(&open_exchanged).await?,
                client.prepare(&redeem).await?,
                client.prepare(&rotate).await?,
                client.prepare(&end).await?,
                client.prepare(&end_expired).await?,
                client.prepare(&end_access).await?,
                client.prepare(&look).await?,
            ])
        };
        Ok(Self { rows: prepare(Form::Rows).await?, row: prepare(Form::Row).await? })
    }

    /// The one for this.
    pub(super) const fn statement(&self, kind: Kind, form: Form) -> &Statement {
        let [open, open_exchanged, redeem, rotate, end, end_expired, end_access, look] = match form {
            Form::Rows => &self.rows,
            Form::Row => &self.row,
        };
        match kind {
            Kind::Open => open,
            Kind::OpenExchanged => open_exchanged,
            Kind::Redeem => redeem,
            Kind::Rotate => rotate,
            Kind::End => end,
            Kind::EndExpired => end_expired,
            Kind::EndAccess => end_access,
            Kind::Look => look,
        }
    }
}

impl Kind {
    /// Names and types of the parameters, beginning with the primary key.
    pub(super) const fn parameters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Open | Self::OpenExchanged => &[
                ("realm", "int"),
                ("id", "bigint"),
                ("attempt", "bigint"),
                ("client", "int"),
                ("\"user\"", "int"),
                ("client_epoch", "int"),
                ("user_epoch", "int"),
                ("scope", "bigint"),
                ("auth_time_s", "bigint"),
                ("absolute_lifetime_s", "bigint"),
                ("session", "bytea"),
                ("requested", "bigint"),
                ("organization", "int"),
                ("redirect_uri", "bytea"),
                ("code_challenge", "bytea"),
                ("code_lifetime_s", "bigint"),
                ("access_lifetime_s", "bigint"),
                ("idle_lifetime_s", "bigint"),
                ("sealing_key", "int"),
            ],
            Self::Redeem => &[
                ("realm", "int"),
                ("id", "bigint"),
                ("attempt", "bigint"),
                ("client", "int"),
                ("redirect_uri", "bytea"),
                ("code_challenge", "bytea"),
                ("access_lifetime_s", "bigint"),
                ("idle_lifetime_s", "bigint"),
                ("sealing_key", "int"),
            ],
            Self::Rotate => &[
                ("realm", "int"),
                ("id", "bigint"),
                ("attempt", "bigint"),
                ("client", "int"),
                ("generation", "int"),
                ("rotated_low", "bigint"),
                ("access_lifetime_s", "bigint"),
                ("idle_lifetime_s", "bigint"),
                ("sealing_key", "int"),
            ],
            Self::End | Self::EndExpired => {
                &[("realm", "int"), ("id", "bigint"), ("attempt", "bigint"), ("state", "bigint")]
            }
            Self::EndAccess => &[("realm", "int"), ("id", "bigint"), ("attempt", "bigint"), ("through", "int")],
            Self::Look => &[("realm", "int"), ("id", "bigint")],
        }
    }

    /// The text of its statement: `t` is the time, `v` the parameters, `g` the grants.
    pub(super) fn sql(self, form: Form) -> String {
        let (values, time) = (self.values(form), "WITH t AS MATERIALIZED (SELECT kimbai.now_us() AS now)");
        let returning = format!("RETURNING t.now, v.realm, v.id, {SEEN}");
        let of_key = "g.realm = v.realm AND g.id = v.id";
        match self {
            Self::Open => format!("{time} {} RETURNING g.opened, g.realm, g.id, {SEEN}", insert(&values)),
            Self::OpenExchanged => format!(
                "{time}, g AS ({} RETURNING g.*), exchanged AS (UPDATE kimbai.legacy_tokens AS l SET opened = true \
                 FROM g WHERE l.realm = g.realm AND l.token = g.redirect_uri AND g.code_challenge = {EXCHANGE}) \
                 SELECT g.opened, g.realm, g.id, {SEEN} FROM g",
                insert(&values)
            ),
            Self::Redeem => format!(
                "{time} UPDATE kimbai.grants AS g SET attempt = v.attempt, state = 1, generation = 1, \
                 redeemed = t.now, rotated = t.now, previous_rotation = ((t.now << 32) >> 32)::int, \
                 access_revoked_through = 0, {TERMS} FROM t, {values} \
                 WHERE {of_key} AND g.state = 0 AND t.now < g.state_end AND {OF_CLIENT} \
                 AND g.redirect_uri = v.redirect_uri AND g.code_challenge = v.code_challenge {returning}"
            ),
            Self::Rotate => format!(
                "{time} UPDATE kimbai.grants AS g SET attempt = v.attempt, generation = g.generation + 1, \
                 rotated = t.now, previous_rotation = ((g.rotated << 32) >> 32)::int, {TERMS} FROM t, {values} \
                 WHERE {of_key} AND g.state = 1 AND g.generation = v.generation AND g.generation < 16777215 \
                 AND (g.rotated & 4294967295) = v.rotated_low AND {OF_CLIENT} AND t.now < g.state_end \
                 AND t.now < g.absolute_end {returning}"
            ),
            Self::End => format!(
                "{time} UPDATE kimbai.grants AS g SET attempt = v.attempt, state = v.state, state_end = t.now \
                 FROM t, {values} WHERE {of_key} AND g.state < 2 {returning}"
            ),
            Self::EndExpired => format!(
                "{time} UPDATE kimbai.grants AS g SET attempt = v.attempt, state = v.state, state_end = t.now \
                 FROM t, {values} WHERE {of_key} AND g.state = 1 \
                 AND g.access_expiry_s <= greatest(t.now / 1000000, 0) {returning}"
            ),
            Self::EndAccess => format!(
                "{time} UPDATE kimbai.grants AS g SET attempt = v.attempt, \
                 access_revoked_through = greatest(g.access_revoked_through, v.through) \
                 FROM t, {values} WHERE {of_key} AND g.state = 1 {returning}"
            ),
            Self::Look => format!(
                "{time} SELECT t.now, v.realm, v.id, {SEEN} FROM t CROSS JOIN {values} \
                 LEFT JOIN kimbai.grants AS g ON {of_key}"
            ),
        }
    }

    /// The parameters as a table `v`.
    fn values(self, form: Form) -> String {
        let names: Vec<_> = self.parameters().iter().map(|(name, _)| *name).collect();
        let array = if form == Form::Rows { "[]" } else { "" };
        let parameters = (1..).zip(self.parameters()).map(|(place, (_, kind))| format!("${place}::{kind}{array}"));
        let (names, parameters) = (names.join(", "), parameters.collect::<Vec<_>>().join(", "));
        match form {
            Form::Rows => format!("unnest({parameters}) AS v({names})"),
            Form::Row => format!("(SELECT {parameters}) AS v({names})"),
        }
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::I32(number) => number.to_sql(kind, out),
            Self::I64(number) => number.to_sql(kind, out),
            Self::Digest(digest) => digest.as_slice().to_sql(kind, out),
            Self::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT4 | Type::INT8 | Type::BYTEA)
    }

    to_sql_checked!();
}

const KINDS: [Kind; 8] = [
    Kind::Open,
    Kind::OpenExchanged,
    Kind::Redeem,
    Kind::Rotate,
    Kind::End,
    Kind::EndExpired,
    Kind::EndAccess,
    Kind::Look,
];

/// Inserts the grants of `v` at the time of `t`; those whose ids are taken are left out.
fn insert(values: &str) -> String {
    format!(
        "INSERT INTO kimbai.grants AS g (realm, id, attempt, client, \"user\", client_epoch, user_epoch, scope, \
         auth_time_s, redirect_uri, code_challenge, session, requested, organization, opened, absolute_end, {STARTED}) \
         SELECT v.realm, v.id, v.attempt, v.client, v.\"user\", v.client_epoch, v.user_epoch, v.scope, v.auth_time_s, \
         v.redirect_uri, v.code_challenge, v.session, v.requested, v.organization, t.now, e.absolute_end, {START} \
         FROM t, {values}, LATERAL (SELECT t.now + v.absolute_lifetime_s * 1000000 AS absolute_end) AS e \
         ON CONFLICT DO NOTHING"
    )
}

/// The number of a legacy token's exchange, as `kimbai_core::exchange` keeps it in the grant: in the last 4 of 16 bytes.
const EXCHANGE: &str = "decode(lpad(to_hex(l.exchange), 32, '0'), 'hex')";

/// Written so that no index of clients is of use for it: rows are found by the primary key.
const OF_CLIENT: &str = "(g.client = v.client) IS TRUE";

/// What `kimbai_core` makes of the terms of a generation: seconds since 1970 lie within 32 bits, `least` leaves a NULL out.
const TERMS: &str = "access_expiry_s = least(greatest(t.now / 1000000, 0) + v.access_lifetime_s, \
     greatest(g.absolute_end / 1000000, 0), 4294967295), \
     state_end = least(t.now + v.idle_lifetime_s * 1000000, g.absolute_end), sealing_key = v.sealing_key";

/// What a grant begins with: without a lifetime of access tokens it is a code.
const STARTED: &str =
    "state, state_end, generation, redeemed, rotated, previous_rotation, access_expiry_s, sealing_key";
const START: &str = "(v.access_lifetime_s IS NOT NULL)::int, \
     least(t.now + coalesce(v.code_lifetime_s, v.idle_lifetime_s) * 1000000, e.absolute_end), \
     (v.access_lifetime_s IS NOT NULL)::int, \
     CASE WHEN v.access_lifetime_s IS NULL THEN 0 ELSE t.now END, \
     CASE WHEN v.access_lifetime_s IS NULL THEN 0 ELSE t.now END, \
     CASE WHEN v.access_lifetime_s IS NULL THEN 0 ELSE ((t.now << 32) >> 32)::int END, \
     CASE WHEN v.access_lifetime_s IS NULL THEN 0 ELSE least(greatest(t.now / 1000000, 0) + v.access_lifetime_s, \
     greatest(e.absolute_end / 1000000, 0), 4294967295) END, v.sealing_key";

const SEEN: &str = seen_columns!();

#[cfg(test)]
mod tests {
    use kimbai_postgres_fixture::{Server, Version};

    use super::super::connect::{Connector, Role};
    use super::super::migrate;
    use super::*;

    /// A plan is made from what is known of a table when it is made: on an empty one, and on one that has grown since and
    /// was never analysed, it must be the same.
    #[tokio::test]
    async fn every_verb_finds_its_row_by_the_primary_key_on_a_table_that_was_never_analysed() {
        let server = Server::start(*Version::under_test().last().unwrap(), &[("autovacuum", "off")]);
        let database = server.fresh_database();
        let connector = Connector::new(&database.url().parse().unwrap()).unwrap();
        let lane = connector.connect(Role::Lane).await.unwrap();
        migrate::prepare(&connector, &lane.client).await.unwrap();
        for rows in [0, 1, 1_000, rows_max()] {
            database.sql(&format!("TRUNCATE kimbai.grants, kimbai.legacy_tokens; {}", fill(rows)));
            for form in [Form::Rows, Form::Row] {
                for kind in KINDS {
                    let plan = plan(&lane.client, kind, form).await;
                    let (key, second) = match kind {
                        Kind::Open => (None, ""),
                        Kind::OpenExchanged => {
                            (Some("Index Scan using legacy_tokens_pkey on legacy_tokens l"), "(token = ")
                        }
                        Kind::Redeem | Kind::Rotate | Kind::End | Kind::EndExpired | Kind::EndAccess | Kind::Look => {
                            (Some("Index Scan using grants_pkey on grants g"), "(id = ")
                        }
                    };
                    let by_key = key.is_none_or(|key| plan.iter().filter(|line| line.contains(key)).count() == 1);
                    let whole = plan.iter().any(|line| {
                        line.contains("Seq Scan")
                            || line.contains("Hash")
                            || line.contains("Merge")
                            || line.contains("Bitmap")
                    });
                    let condition = plan
                        .iter()
                        .any(|line| line.contains("Index Cond") && line.contains("(realm = ") && line.contains(second));
                    assert!(
                        by_key && !whole && (condition || key.is_none()),
                        "{kind:?} {form:?} of {rows} rows:\n{}",
                        plan.join("\n")
                    );
                }
            }
        }
    }

    async fn plan(client: &Client, kind: Kind, form: Form) -> Vec<String> {
        let nulls = vec!["NULL"; kind.parameters().len()].join(", ");
        client.batch_execute(&format!("PREPARE planned AS {}", kind.sql(form))).await.unwrap();
        let plan = client.query(&format!("EXPLAIN EXECUTE planned({nulls})"), &[]).await.unwrap();
        client.batch_execute("DEALLOCATE planned").await.unwrap();
        plan.iter().map(|row| row.get(0)).collect()
    }

    fn fill(rows: u32) -> String {
        format!(
            "INSERT INTO kimbai.grants (realm, id, attempt, client, \"user\", client_epoch, user_epoch, scope, \
             auth_time_s, redirect_uri, code_challenge, session, requested, opened, absolute_end, state, state_end) \
             SELECT 1, n, 0, 1, n % 1000, 0, 0, 7, 0, ''::bytea, ''::bytea, ''::bytea, 0, 0, 4000000000000000, n % 2, 4000000000000000 \
             FROM generate_series(1, {rows}) AS n; \
             INSERT INTO kimbai.legacy_tokens (realm, token, organization, client, \"user\", client_epoch, user_epoch, put, \
             ends, exchange, opened) SELECT 1, int8send(n), 1, 1, n % 1000, 0, 0, 0, 0, 1, false \
             FROM generate_series(1, {rows}) AS n"
        )
    }

    fn rows_max() -> u32 {
        if std::env::var_os("KIMBAI_TEST_LONG").is_some() { 1_000_000 } else { 100_000 }
    }
}
