//! What an authorization response carries (OAuth 2.0 Multiple Response Type Encoding Practices, OpenID Connect Core section 3).

use serde::{Deserialize, Serialize};

use super::request::ResponseMode;

/// What an authorization response carries. There is none with an access token: it would be in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ResponseType {
    /// A code (RFC 6749 section 4.1.1).
    #[default]
    #[serde(rename = "code")]
    Code,
    /// A code and an ID token that vouches for it: the hybrid flow (OpenID Connect Core section 3.3).
    #[serde(rename = "code id_token")]
    CodeIdToken,
}

impl ResponseType {
    /// Its name in requests and metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::CodeIdToken => "code id_token",
        }
    }

    /// The type of this name; the order of its words does not matter (Multiple Response Types section 3).
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "code" => Some(Self::Code),
            "code id_token" | "id_token code" => Some(Self::CodeIdToken),
            _ => None,
        }
    }
}

/// How a response of this type travels unless the request says otherwise. What has a token in it never goes into a query, where
/// servers log it (Multiple Response Types section 5); that holds for the error of such a request, too.
pub(super) fn default_mode(response_type: &str) -> ResponseMode {
    let has_token = response_type.split(' ').any(|word| matches!(word, "token" | "id_token"));
    if has_token { ResponseMode::Fragment } else { ResponseMode::Query }
}
