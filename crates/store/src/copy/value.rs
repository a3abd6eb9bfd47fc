//! A value on its way from SQLite to PostgreSQL and back for comparison.

use kimbai_core::grant::ShortDigest;
use rusqlite::types::ValueRef;
use tokio_postgres::Error;
use tokio_postgres::binary_copy::BinaryCopyOutRow;
use tokio_postgres::types::{FromSql, ToSql, Type};

/// What PostgreSQL has in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 64 bits, spelled alike in both.
    Bigint,
    /// A number without a sign in SQLite, its 32 bits in PostgreSQL.
    Integer,
    /// A small number.
    Smallint,
    /// 0 or 1 in SQLite.
    Boolean,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// As PostgreSQL has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null(Kind),
    Bigint(i64),
    Integer(i32),
    Smallint(i16),
    Boolean(bool),
    Text(String),
    Bytes(Vec<u8>),
}

impl Kind {
    pub(super) const fn of_postgres(self) -> Type {
        match self {
            Self::Bigint => Type::INT8,
            Self::Integer => Type::INT4,
            Self::Smallint => Type::INT2,
            Self::Boolean => Type::BOOL,
            Self::Text => Type::TEXT,
            Self::Bytes => Type::BYTEA,
        }
    }

    /// A value of SQLite; `None` if it is another kind's.
    pub(super) fn read_sqlite(self, value: ValueRef<'_>) -> Option<Value> {
        Some(match (self, value) {
            (kind, ValueRef::Null) => Value::Null(kind),
            (Self::Bigint, ValueRef::Integer(number)) => Value::Bigint(number),
            (Self::Integer, ValueRef::Integer(number)) => Value::Integer(u32::try_from(number).ok()?.cast_signed()),
            (Self::Smallint, ValueRef::Integer(number)) => Value::Smallint(i16::try_from(number).ok()?),
            (Self::Boolean, ValueRef::Integer(number)) => Value::Boolean(number != 0),
            (Self::Text, ValueRef::Text(text)) => Value::Text(String::from_utf8(text.to_vec()).ok()?),
            (Self::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(bytes.to_vec()),
            (
                Self::Bigint | Self::Integer | Self::Smallint | Self::Boolean | Self::Text | Self::Bytes,
                ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_),
            ) => return None,
        })
    }

    /// A value of PostgreSQL.
    pub(super) fn read_postgres(self, row: &BinaryCopyOutRow, index: usize) -> Result<Value, Error> {
        match self {
            Self::Bigint => self.read(row, index, Value::Bigint),
            Self::Integer => self.read(row, index, Value::Integer),
            Self::Smallint => self.read(row, index, Value::Smallint),
            Self::Boolean => self.read(row, index, Value::Boolean),
            Self::Text => self.read(row, index, Value::Text),
            Self::Bytes => self.read(row, index, Value::Bytes),
        }
    }

    fn read<'a, T: FromSql<'a>>(
        self,
        row: &'a BinaryCopyOutRow,
        index: usize,
        value: fn(T) -> Value,
    ) -> Result<Value, Error> {
        Ok(row.try_get::<Option<T>>(index)?.map_or(Value::Null(self), value))
    }
}

impl Value {
    /// For the statement that writes it.
    pub(super) fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Null(Kind::Bigint) => &None::<i64>,
            Self::Null(Kind::Integer) => &None::<i32>,
            Self::Null(Kind::Smallint) => &None::<i16>,
            Self::Null(Kind::Boolean) => &None::<bool>,
            Self::Null(Kind::Text) => &None::<&str>,
            Self::Null(Kind::Bytes) => &None::<&[u8]>,
            Self::Bigint(value) => value,
            Self::Integer(value) => value,
            Self::Smallint(value) => value,
            Self::Boolean(value) => value,
            Self::Text(value) => value,
            Self::Bytes(value) => value,
        }
    }

    fn spell(&self, to: &mut Vec<u8>) {
        let (mark, bytes) = match self {
            Self::Null(_) => (0, &[][..]),
            Self::Bigint(value) => (1, &value.to_be_bytes()[..]),
            Self::Integer(value) => (2, &value.to_be_bytes()[..]),
            Self::Smallint(value) => (3, &value.to_be_bytes()[..]),
            Self::Boolean(value) => (4, &[u8::from(*value)][..]),
            Self::Text(value) => (5, value.as_bytes()),
            Self::Bytes(value) => (6, value.as_slice()),
        };
        to.push(mark);
        to.extend(bytes.len().to_be_bytes());
        to.extend(bytes);
    }
}

/// The rows of a table in any order: how many there are, and the sum of their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Checksum {
    rows: u64,
    sum: u128,
}

impl Checksum {
    pub(super) fn add(&mut self, row: &[Value]) {
        let mut spelled = Vec::with_capacity(SPELLED_BYTES);
        for value in row {
            value.spell(&mut spelled);
        }
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(ShortDigest::of(&spelled).0));
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }
}

/// About a grant's.
const SPELLED_BYTES: usize = 384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_tells_rows_apart_and_not_their_order() {
        let of = |rows: &[&[Value]]| {
            let mut checksum = Checksum::default();
            for row in rows {
                checksum.add(row);
            }
            checksum
        };
        let text = |text: &str| Value::Text(text.to_owned());
        let (one, other) = ([text("a"), text("bc")], [text("ab"), text("c")]);
        assert_eq!(of(&[&one, &other]), of(&[&other, &one]));
        assert_ne!(of(&[&one]), of(&[&other]));
        assert_ne!(of(&[&one, &one]), of(&[&other, &other]));
        assert_ne!(of(&[&one]), of(&[]));
        assert_ne!(of(&[&[Value::Null(Kind::Text)]]), of(&[&[text("")]]));
    }

    #[test]
    fn numbers_keep_their_bits() {
        let read = |kind: Kind, number| kind.read_sqlite(ValueRef::Integer(number));
        assert_eq!(read(Kind::Integer, i64::from(u32::MAX)), Some(Value::Integer(-1)));
        assert_eq!(read(Kind::Integer, -1), None);
        assert_eq!(read(Kind::Integer, 1 << 32), None);
        assert_eq!(read(Kind::Bigint, -1), Some(Value::Bigint(-1)));
        assert_eq!(read(Kind::Smallint, 40_000), None);
        assert_eq!(read(Kind::Text, 1), None);
    }
}
