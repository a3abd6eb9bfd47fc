//! Scopes: the names a realm knows, numbered, and sets of them as bitmaps (RFC 6749 section 3.3).
//!
//! A number is never used again, so that a token's bitmap keeps its meaning for ever.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The scope that asks for an ID token (OpenID Connect Core section 3.1.2.1).
pub const OPENID: &str = "openid";

/// A set of a realm's scopes: bit `n` stands for the scope numbered `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ScopeSet(pub u64);

impl ScopeSet {
    /// No scope at all.
    pub const EMPTY: Self = Self(0);

    /// Whether every scope of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether a scope is in both sets.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The same, and if one of `synonyms` is among them, the others too.
    #[must_use]
    pub const fn with_synonyms(self, synonyms: Self) -> Self {
        if self.intersects(synonyms) { self.union(synonyms) } else { self }
    }

    /// The same with one of `synonyms` at most, the first in the table.
    #[must_use]
    pub const fn without_other_synonyms(self, synonyms: Self) -> Self {
        let both = self.0 & synonyms.0;
        let first = both & both.wrapping_neg();
        Self(self.0 & !both | first)
    }

    /// The scopes in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The scopes in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The scopes of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is no scope in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers in it, ascending.
    pub fn numbers(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |number| self.0 & (1 << number) != 0)
    }
}

/// One scope of a realm: what a client asks for and a person reads on the consent page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeDefinition {
    /// The scope-token of RFC 6749 section 3.3.
    pub name: String,
    /// What it allows, in plain Vietnamese.
    pub description_vi: String,
    /// What it allows, in plain English.
    pub description_en: String,
    /// A retired scope is refused at every refresh and in every request; its number stays taken.
    #[serde(default)]
    pub retired: bool,
}

impl ScopeDefinition {
    /// A scope that is not retired.
    #[must_use]
    pub fn new(name: &str, description_vi: &str, description_en: &str) -> Self {
        Self {
            name: name.to_owned(),
            description_vi: description_vi.to_owned(),
            description_en: description_en.to_owned(),
            retired: false,
        }
    }
}

/// The scopes of one realm; the position in the table is the number.
#[derive(Debug, Clone, Default)]
pub struct ScopeTable {
    definitions: Vec<ScopeDefinition>,
    numbers: HashMap<String, u8>,
    live: ScopeSet,
}

/// Why a `scope` parameter was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside of RFC 6749's scope-token, or nothing between two spaces.
    #[error("the scope is malformed")]
    Malformed,
    /// The realm has no such scope, or has retired it.
    #[error("the scope is unknown")]
    Unknown,
}

/// Scopes that a realm cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a realm has at most 64 scopes, each named once by the characters of a scope-token")]
pub struct ScopeTableError;

impl ScopeTable {
    /// The table of these definitions, numbered by position.
    ///
    /// # Errors
    /// [`ScopeTableError`]: more than 64, one name twice, or a name that is no scope-token.
    pub fn new(definitions: Vec<ScopeDefinition>) -> Result<Self, ScopeTableError> {
        let mut numbers = HashMap::new();
        let mut live = ScopeSet::EMPTY;
        for (position, definition) in definitions.iter().enumerate() {
            let number = u8::try_from(position).ok().filter(|number| *number < 64).ok_or(ScopeTableError)?;
            let is_token = !definition.name.is_empty() && definition.name.bytes().all(is_scope_character);
            if !is_token || numbers.insert(definition.name.clone(), number).is_some() {
                return Err(ScopeTableError);
            }
            if !definition.retired {
                live = live.union(ScopeSet(1 << number));
            }
        }
        Ok(Self { definitions, numbers, live })
    }

    /// The scopes that are not retired.
    #[must_use]
    pub const fn live(&self) -> ScopeSet {
        self.live
    }

    /// Reads a `scope` parameter: scope-tokens with single spaces between them.
    ///
    /// # Errors
    /// [`ScopeError`]: what is wrong with it. A comma-separated list is one unknown scope.
    pub fn parse(&self, scope: &str) -> Result<ScopeSet, ScopeError> {
        let set = self.parse_registered(scope)?;
        if self.live.contains(set) { Ok(set) } else { Err(ScopeError::Unknown) }
    }

    /// Reads the `scope` that a client is registered for: as [`ScopeTable::parse`], but scopes retired since are still known.
    ///
    /// # Errors
    /// [`ScopeError`]: what is wrong with it.
    pub fn parse_registered(&self, scope: &str) -> Result<ScopeSet, ScopeError> {
        let mut set = ScopeSet::EMPTY;
        for token in scope.split(' ') {
            if token.is_empty() || !token.bytes().all(is_scope_character) {
                return Err(ScopeError::Malformed);
            }
            let number = self.numbers.get(token).ok_or(ScopeError::Unknown)?;
            set = set.union(ScopeSet(1 << number));
        }
        Ok(set)
    }

    /// Whether the table has all of these. A set of a table that has grown since may have more.
    #[must_use]
    pub fn knows(&self, set: ScopeSet) -> bool {
        set.numbers().all(|number| usize::from(number) < self.definitions.len())
    }

    /// The set's names with single spaces between them, in the table's order.
    #[must_use]
    pub fn render(&self, set: ScopeSet) -> String {
        let mut out = String::new();
        for definition in self.definitions(set) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&definition.name);
        }
        out
    }

    /// The definitions of the set's scopes, in the table's order.
    pub fn definitions(&self, set: ScopeSet) -> impl Iterator<Item = &ScopeDefinition> {
        set.numbers().filter_map(|number| self.definitions.get(usize::from(number)))
    }
}

/// `%x21 / %x23-5B / %x5D-7E` (RFC 6749 appendix A.4).
const fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> ScopeTable {
        let scope = |name: &str, retired| ScopeDefinition {
            name: name.to_owned(),
            description_vi: String::new(),
            description_en: String::new(),
            retired,
        };
        ScopeTable::new(vec![scope("offline", false), scope("order", false), scope("old", true)]).unwrap()
    }

    #[test]
    fn a_scope_parameter_is_read_by_the_grammar() {
        for (scope, expect) in [
            ("offline", Ok(0b01)),
            ("order offline", Ok(0b11)),
            ("order order", Ok(0b10)),
            ("offline,order", Err(ScopeError::Unknown)),
            ("all", Err(ScopeError::Unknown)),
            ("old", Err(ScopeError::Unknown)),
            ("offline  order", Err(ScopeError::Malformed)),
            (" offline", Err(ScopeError::Malformed)),
            ("offline\torder", Err(ScopeError::Malformed)),
            ("đơn", Err(ScopeError::Malformed)),
            ("a\"b", Err(ScopeError::Malformed)),
        ] {
            assert_eq!(table().parse(scope), expect.map(ScopeSet), "{scope:?}");
        }
    }

    #[test]
    fn a_set_is_rendered_in_the_order_of_the_table() {
        assert_eq!(table().render(table().parse("order offline").unwrap()), "offline order");
        assert_eq!(table().render(ScopeSet::EMPTY), "");
    }

    #[test]
    fn one_of_several_synonyms_stands_for_all_of_them() {
        for (set, synonyms, expect) in [(0b001, 0b011, 0b011), (0b110, 0b011, 0b111), (0b100, 0b011, 0b100), (1, 0, 1)]
        {
            assert_eq!(ScopeSet(set).with_synonyms(ScopeSet(synonyms)), ScopeSet(expect), "{set:b} {synonyms:b}");
        }
        for (set, synonyms, expect) in [(0b111, 0b011, 0b101), (0b110, 0b011, 0b110), (0b100, 0b011, 0b100), (0, 1, 0)]
        {
            let one = ScopeSet(set).without_other_synonyms(ScopeSet(synonyms));
            assert_eq!(one, ScopeSet(expect), "{set:b} {synonyms:b}");
        }
    }

    #[test]
    fn a_table_knows_the_sets_of_its_own_scopes_and_none_of_a_longer_one() {
        let names = ["orders.read", "orders.write"].map(|name| ScopeDefinition::new(name, "", ""));
        let table = ScopeTable::new(names.to_vec()).unwrap();
        for (set, expect) in [(0, true), (0b01, true), (0b11, true), (0b100, false), (0b111, false), (1 << 63, false)] {
            assert_eq!(table.knows(ScopeSet(set)), expect, "{set:b}");
        }
    }

    #[test]
    fn a_scope_is_named_by_a_scope_token() {
        for (name, expect) in
            [("orders.read", true), ("", false), ("a b", false), ("a\"", false), ("a\\", false), ("đ", false)]
        {
            let definition = ScopeDefinition {
                name: name.to_owned(),
                description_vi: String::new(),
                description_en: String::new(),
                retired: false,
            };
            assert_eq!(ScopeTable::new(vec![definition]).is_ok(), expect, "{name:?}");
        }
    }

    #[test]
    fn a_realm_has_64_scopes_and_not_one_more() {
        let scopes = |count: usize| {
            (0..count)
                .map(|n| ScopeDefinition {
                    name: format!("s{n}"),
                    description_vi: String::new(),
                    description_en: String::new(),
                    retired: false,
                })
                .collect()
        };
        assert!(ScopeTable::new(scopes(64)).is_ok());
        assert_eq!(ScopeTable::new(scopes(65)).unwrap_err(), ScopeTableError);
    }
}
