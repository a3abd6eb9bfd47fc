//! Authorization codes as they travel: the sealed pointer to a grant, and behind it the request's nonce, if there was one.
//!
//! The nonce needs to live from the request to the ID token and no longer, and so does the code. The grant's row holds a digest of it
//! beside that of the code challenge: a code whose nonce was changed or cut off redeems nothing.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::client::Client;
use kimbai_core::realm::TokenShape;
use kimbai_core::token::TokenKind;
use kimbai_keyring::{Opened, SealedToken};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::realm::Realm;

/// A code as the client gets it. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationCode(String);

impl AuthorizationCode {
    /// The code of a grant, and the nonce that goes with it.
    #[must_use]
    pub fn new(sealed: &SealedToken, nonce: Option<&str>) -> Self {
        Self(match nonce {
            Some(nonce) => format!("{}.{}", sealed.expose(), URL_SAFE_NO_PAD.encode(nonce)),
            None => sealed.expose().to_owned(),
        })
    }

    /// The text, for the response it belongs to.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AuthorizationCode({} bytes)", self.0.len())
    }
}

impl Engine {
    /// The client that a code was made for, if it is one of this realm: for the sandbox, which says how to redeem it.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn client_of_code(&self, realm: &Realm, code: &str) -> Result<Option<Arc<Client>>, EngineError> {
        let sealed = split(code, realm.settings.token_shape);
        let opened = sealed.and_then(|(sealed, _)| realm.keyring.open(&[TokenKind::Code], sealed));
        let number = match opened {
            Some(Opened::Pointer(_, pointer)) => Some(pointer.client),
            Some(Opened::Short(_, short)) => {
                self.store.lookup(realm.number, short.grant).await?.seen.map(|seen| seen.grant.client)
            }
            Some(Opened::Rowless(_)) | None => None,
        };
        Ok(number.and_then(|number| realm.client_by_number(number)))
    }
}

/// The sealed part of a code that was presented, and its nonce; none if it cannot be one.
pub(crate) fn split(code: &str, shape: TokenShape) -> Option<(&str, Option<String>)> {
    let sealed_bytes = match shape {
        TokenShape::Whole => 86,
        TokenShape::Halves => 87,
        TokenShape::Hex => 64,
    };
    let (sealed, rest) = code.split_at_checked(sealed_bytes)?;
    if rest.is_empty() {
        return Some((sealed, None));
    }
    let nonce = URL_SAFE_NO_PAD.decode(rest.strip_prefix('.')?).ok().filter(|nonce| !nonce.is_empty())?;
    Some((sealed, Some(String::from_utf8(nonce).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_split_in_one_way_only() {
        let (whole, halves, hex) = ("w".repeat(86), format!("{0}.{0}", "h".repeat(43)), "a".repeat(64));
        let nonce = |text: &str| Some(Some(text.to_owned()));
        for (shape, sealed) in [(TokenShape::Whole, &whole), (TokenShape::Halves, &halves), (TokenShape::Hex, &hex)] {
            for (rest, expect) in [
                ("", Some(None)),
                (".bm9uY2U", nonce("nonce")),
                (".4bqtIA", nonce("ậ ")),
                (".", None),
                ("..bm9uY2U", None),
                (".bm9uY2U.", None),
                (".bm9uY2V", None),
                (".bm9uY2U=", None),
                (".bm9u Y2U", None),
                (".gA", None),
                ("bm9uY2U", None),
            ] {
                let code = format!("{sealed}{rest}");
                let found = split(&code, shape);
                assert_eq!(found.as_ref().map(|(_, nonce)| nonce.clone()), expect, "{rest}");
                assert!(found.is_none_or(|(found, _)| found == sealed));
            }
            assert_eq!(split(&sealed[..63], shape), None);
        }
        assert_eq!(split(&"ậ".repeat(40), TokenShape::Whole), None);
    }
}
