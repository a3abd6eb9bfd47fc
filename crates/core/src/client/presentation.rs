//! What people see of a client besides its name: whose it is, where it says what it does, and how it dresses the log-in page.
//!
//! All of it comes from whoever registers a client and goes onto our pages, so that it is checked here: links and images are
//! https, or http to this machine, and their hosts can stand in a content security policy; what becomes part of a `tel:` or `mailto:`
//! link has only characters that mean nothing there. Links and images are named by RFC 7591 section 2.

use serde::{Deserialize, Serialize};

use crate::redirect_uri::{UriError, check_web_uri};

use super::metadata::{ClientMetadata, RegistrationError};

/// What a client changes of the log-in page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogInPage {
    /// An image behind the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background_uri: Option<String>,
    /// The telephone number of its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotline: Option<String>,
    /// The mail address of its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_email: Option<String>,
}

impl LogInPage {
    /// Whether the page is ours alone.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        *self == Self::default()
    }
}

/// The links and images of a client, by their names.
pub(super) fn web_uris(metadata: &ClientMetadata) -> [(&'static str, Option<&String>); 6] {
    [
        ("logo_uri", metadata.logo_uri.as_ref()),
        ("client_uri", metadata.client_uri.as_ref()),
        ("policy_uri", metadata.policy_uri.as_ref()),
        ("tos_uri", metadata.tos_uri.as_ref()),
        ("sector_identifier_uri", metadata.sector_identifier_uri.as_ref()),
        ("log_in_page.background_uri", metadata.log_in_page.background_uri.as_ref()),
    ]
}

/// Checks what people see, and whom we would ask.
pub(super) fn check(metadata: &ClientMetadata) -> Result<(), RegistrationError> {
    for (member, uri) in web_uris(metadata) {
        check_member(member, uri)?;
    }
    let page = &metadata.log_in_page;
    let texts = metadata.contacts.iter().chain(&metadata.owner);
    let contradictions = [
        (
            page.hotline.as_ref().is_some_and(|hotline| !is_telephone_number(hotline)),
            "log_in_page.hotline: it has 3 to 32 digits, spaces and + - . ( ), and a digit among them",
        ),
        (
            page.support_email.as_ref().is_some_and(|address| !is_mail_address(address)),
            "log_in_page.support_email: it is a mail address of letters, digits and . _ + - with one @",
        ),
        (
            texts.clone().any(|text| text.is_empty() || text.chars().any(char::is_control)),
            "contacts and owner have characters, and no control characters",
        ),
    ];
    match contradictions.into_iter().find(|(holds, _)| *holds) {
        Some((_, text)) => Err(RegistrationError::Contradiction(text)),
        None => Ok(()),
    }
}

fn check_member(member: &'static str, uri: Option<&String>) -> Result<(), RegistrationError> {
    let checked: Result<(), UriError> = uri.map_or(Ok(()), |uri| check_web_uri(uri));
    checked.map_err(|error| RegistrationError::WebUri { member, error })
}

fn is_telephone_number(text: &str) -> bool {
    (3..=32).contains(&text.len())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b" +-.()".contains(&byte))
}

/// Far stricter than RFC 5321: whatever a `mailto:` link gives a meaning to (RFC 6068) is left out.
fn is_mail_address(text: &str) -> bool {
    let is_part = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
        !part.is_empty() && part.bytes().all(is_plain)
    };
    text.len() <= 254 && text.split_once('@').is_some_and(|(name, host)| is_part(name) && is_part(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_link_has_no_meaning_there() {
        for (hotline, expect) in [
            ("1900 6900", true),
            ("+84 (28) 3812-3456", true),
            ("113", true),
            ("11", false),
            ("+-.()", false),
            ("1900;ext=1", false),
            ("1900\"onclick", false),
            ("1900 1900 1900 1900 1900 1900 190", false),
            ("", false),
        ] {
            assert_eq!(is_telephone_number(hotline), expect, "{hotline:?}");
        }
        for (address, expect) in [
            ("hotro@example.vn", true),
            ("ho.tro+oneid@example.vn", true),
            ("a@b@example.vn", false),
            ("a@", false),
            ("@example.vn", false),
            ("hotro", false),
            ("a?bcc=b@example.vn", false),
            ("a%0A@example.vn", false),
            ("a b@example.vn", false),
            ("hỗtrợ@example.vn", false),
        ] {
            assert_eq!(is_mail_address(address), expect, "{address:?}");
        }
        let name = "a".repeat(254 - "@example.vn".len());
        assert!(is_mail_address(&format!("{name}@example.vn")));
        assert!(!is_mail_address(&format!("a{name}@example.vn")));
    }
}
