//! Organisations within a realm, such as the shops of a platform, and who belongs to them as what.
//!
//! Clients know an organisation by its `org_id`, people by its name, operators by its label, which is the left-most part of its host
//! as well. A person may belong to several, to each in several roles.

use crate::number::OrganizationNumber;

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its number in the realm.
    pub number: OrganizationNumber,
    /// By what clients know it.
    pub org_id: String,
    /// By what operators know it, and the left-most part of its host.
    pub label: String,
    /// Its name as people read it.
    pub name: String,
    /// What kind of organisation it is; may be empty.
    pub category: String,
}

/// A person's place in an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub organization: Organization,
    /// As what; may be empty.
    pub roles: Vec<String>,
}

impl Membership {
    /// Whether this role is among them.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|known| known == role)
    }
}

/// RFC 1035 section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;
/// Longer identifiers are refused.
const ORG_ID_BYTES_MAX: usize = 64;
/// Longer names of roles are refused.
const ROLE_BYTES_MAX: usize = 64;
/// Longer names are refused: they stand on pages and in ID tokens.
const NAME_BYTES_MAX: usize = 256;
/// So many roles a person has in an organisation at most: they go into tokens.
pub const ROLES_MAX: usize = 16;
/// To so many organisations a person belongs at most: a page shows all of them.
pub const MEMBERSHIPS_MAX: usize = 500;

/// Whether this can be an organisation's label: a label of a host name, in lower case (RFC 1123 section 2.1).
#[must_use]
pub fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether this can be an organisation's `org_id`: visible ASCII characters.
#[must_use]
pub fn is_org_id(text: &str) -> bool {
    (1..=ORG_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this can be an organisation's name or category: no control characters.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Whether this can be the name of a role: visible ASCII characters.
#[must_use]
pub fn is_role(text: &str) -> bool {
    (1..=ROLE_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_of_a_host_name() {
        let longest = "a".repeat(63);
        for label in ["a", "0", "demo-shop", "a--b", "1-2", &longest] {
            assert!(is_label(label), "{label:?}");
        }
        let too_long = "a".repeat(64);
        for label in ["", "-a", "a-", "-", "A", "a.b", "a_b", "a b", "đ", "a\0", "a:1", "a/b", &too_long] {
            assert!(!is_label(label), "{label:?}");
        }
    }

    #[test]
    fn identifiers_and_roles_are_visible_characters_of_a_limited_number() {
        for (text, expected) in [
            ("200000000001", true),
            ("org:1", true),
            ("", false),
            ("a b", false),
            ("quản", false),
            ("a\n", false),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
        ] {
            assert_eq!((is_org_id(text), is_role(text)), (expected, expected), "{text:?}");
        }
    }

    #[test]
    fn a_name_may_be_empty_and_has_no_control_characters() {
        let (longest, too_long) = ("x".repeat(256), "x".repeat(257));
        for (text, expected) in
            [("", true), ("Tiệm Hoa & Quà", true), ("a\u{1b}[1m", false), (&longest, true), (&too_long, false)]
        {
            assert_eq!(is_name(text), expected, "{text:?}");
        }
    }
}
