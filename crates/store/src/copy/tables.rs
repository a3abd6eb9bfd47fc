//! The tables of a store, alike in both but for their spelling of numbers.

use rusqlite::Row;
use tokio_postgres::Error;
use tokio_postgres::binary_copy::BinaryCopyOutRow;
use tokio_postgres::types::Type;

use super::value::Kind::{self, Bigint, Boolean, Bytes, Integer, Smallint, Text};
use super::value::Value;

/// A table, and its columns with what PostgreSQL has in them.
pub(super) struct Table {
    pub(super) name: &'static str,
    columns: &'static [(&'static str, Kind)],
}

impl Table {
    /// Its columns, as both databases understand them.
    pub(super) fn columns(&self) -> String {
        let quoted: Vec<_> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        quoted.join(", ")
    }

    /// Their types in PostgreSQL.
    pub(super) fn types(&self) -> Vec<Type> {
        self.columns.iter().map(|(_, kind)| kind.of_postgres()).collect()
    }

    /// A row of SQLite; the error says which column cannot be read.
    pub(super) fn read_sqlite(&self, row: &Row<'_>) -> Result<Vec<Value>, String> {
        let value = |(index, (name, kind)): (usize, &(&str, Kind))| {
            let value = row.get_ref(index).map_err(|error| error.to_string())?;
            kind.read_sqlite(value).ok_or_else(|| format!("its column {name} holds a {}", value.data_type()))
        };
        self.columns.iter().enumerate().map(value).collect()
    }

    /// A row of PostgreSQL.
    pub(super) fn read_postgres(&self, row: &BinaryCopyOutRow) -> Result<Vec<Value>, Error> {
        let value = |(index, (_, kind)): (usize, &(&str, Kind))| kind.read_postgres(row, index);
        self.columns.iter().enumerate().map(value).collect()
    }
}

/// All that a store keeps. Versions of realms begin anew, and the sizes that SQLite counts are counted by nobody else.
pub(super) const TABLES: &[Table] = &[
    Table { name: "meta", columns: &[("key", Text), ("value", Bytes)] },
    Table { name: "counters", columns: &[("realm", Integer), ("kind", Text), ("next", Bigint)] },
    Table { name: "realms", columns: &[("number", Integer), ("name", Text), ("settings", Text)] },
    Table {
        name: "keys",
        columns: &[("realm", Integer), ("usage", Text), ("number", Smallint), ("sealed", Bytes), ("made", Bigint)],
    },
    Table {
        name: "clients",
        columns: &[("realm", Integer), ("number", Integer), ("client_id", Text), ("metadata", Text)],
    },
    Table {
        name: "users",
        columns: &[
            ("realm", Integer),
            ("number", Integer),
            ("username", Text),
            ("password_hash", Text),
            ("claims", Text),
        ],
    },
    Table {
        name: "standing",
        columns: &[
            ("realm", Integer),
            ("party", Smallint),
            ("number", Integer),
            ("active", Boolean),
            ("epoch", Integer),
        ],
    },
    Table {
        name: "consents",
        columns: &[
            ("realm", Integer),
            ("user", Integer),
            ("client", Integer),
            ("organization", Integer),
            ("scope", Bigint),
            ("given", Bigint),
        ],
    },
    Table {
        name: "organizations",
        columns: &[
            ("realm", Integer),
            ("number", Integer),
            ("org_id", Text),
            ("label", Text),
            ("name", Text),
            ("category", Text),
        ],
    },
    Table {
        name: "memberships",
        columns: &[("realm", Integer), ("user", Integer), ("organization", Integer), ("roles", Text)],
    },
    Table {
        name: "sessions",
        columns: &[
            ("realm", Integer),
            ("id", Bytes),
            ("user", Integer),
            ("user_epoch", Integer),
            ("authenticated", Bigint),
            ("last_used", Bigint),
        ],
    },
    Table { name: "browsers", columns: &[("realm", Integer), ("user", Integer), ("browser", Bytes), ("seen", Bigint)] },
    Table {
        name: "log_ins",
        columns: &[("realm", Integer), ("key", Bytes), ("failures", Integer), ("last", Bigint), ("ends", Bigint)],
    },
    Table {
        name: "denials",
        columns: &[("realm", Integer), ("client", Integer), ("token", Bytes), ("expiry_s", Bigint)],
    },
    Table {
        name: "legacy_tokens",
        columns: &[
            ("realm", Integer),
            ("token", Bytes),
            ("organization", Integer),
            ("client", Integer),
            ("user", Integer),
            ("client_epoch", Integer),
            ("user_epoch", Integer),
            ("put", Bigint),
            ("ends", Bigint),
            ("exchange", Integer),
            ("opened", Boolean),
        ],
    },
    Table {
        name: "grants",
        columns: &[
            ("realm", Integer),
            ("id", Bigint),
            ("client", Integer),
            ("user", Integer),
            ("client_epoch", Integer),
            ("user_epoch", Integer),
            ("scope", Bigint),
            ("auth_time_s", Bigint),
            ("opened", Bigint),
            ("absolute_end", Bigint),
            ("redirect_uri", Bytes),
            ("code_challenge", Bytes),
            ("attempt", Bigint),
            ("state", Smallint),
            ("state_end", Bigint),
            ("generation", Integer),
            ("redeemed", Bigint),
            ("rotated", Bigint),
            ("previous_rotation", Integer),
            ("access_expiry_s", Bigint),
            ("access_revoked_through", Integer),
            ("sealing_key", Smallint),
            ("session", Bytes),
            ("requested", Bigint),
            ("organization", Integer),
        ],
    },
    Table {
        name: "audit",
        columns: &[
            ("number", Bigint),
            ("realm", Integer),
            ("at", Bigint),
            ("event", Text),
            ("grant", Bigint),
            ("client", Integer),
            ("user", Integer),
            ("source", Text),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kimbai_postgres_fixture::{Server, Version};

    use super::*;
    use crate::Clock;
    use crate::postgres::Opened;
    use crate::sqlite::{Location, Options, SqliteStore};

    /// What SQLite has and a copy has not.
    const NOT_COPIED: [&str; 2] = ["migrations", "log_in_sizes"];
    /// What PostgreSQL has and SQLite has not.
    const NOT_IN_SQLITE: [&str; 2] = ["migrations", "realms.version"];

    fn copied() -> BTreeSet<String> {
        let names =
            |table: &Table| table.columns.iter().map(|(column, _)| format!("{}.{column}", table.name)).collect();
        TABLES.iter().flat_map(|table| -> Vec<String> { names(table) }).collect()
    }

    #[test]
    fn each_column_of_each_table_of_sqlite_is_copied() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Directory(directory.path().to_owned());
        drop(SqliteStore::open(location, Clock::default(), Options::default()).unwrap());
        let database = rusqlite::Connection::open(directory.path().join("kimbai.db")).unwrap();
        let sql = "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_xinfo(t.name) AS c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~'";
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
        let there = rows.map(Result::unwrap).filter(|(table, _)| !NOT_COPIED.contains(&table.as_str()));
        assert_eq!(there.map(|(table, column)| format!("{table}.{column}")).collect::<BTreeSet<_>>(), copied());
    }

    #[tokio::test]
    async fn each_column_of_each_table_of_postgresql_is_filled_with_its_type() {
        for version in Version::under_test() {
            let database = Server::shared(*version).fresh_database();
            let opened = Opened::new(&database.url().parse().unwrap()).await.unwrap();
            let sql = "SELECT table_name::text, column_name::text, udt_name::text FROM information_schema.columns \
                 WHERE table_schema = 'kimbai'";
            let mut there = BTreeSet::new();
            for row in opened.client().query(sql, &[]).await.unwrap() {
                let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
                let name = format!("{table}.{column}");
                if NOT_IN_SQLITE.contains(&table.as_str()) || NOT_IN_SQLITE.contains(&name.as_str()) {
                    continue;
                }
                let ours = TABLES.iter().filter(|ours| ours.name == table).flat_map(|ours| ours.columns);
                let ours = ours.filter(|(ours, _)| *ours == column).map(|(_, kind)| kind.of_postgres());
                assert_eq!(ours.map(|kind| kind.name().to_owned()).collect::<Vec<_>>(), [kind], "{name}");
                there.insert(name);
            }
            assert_eq!(there, copied());
        }
    }
}
