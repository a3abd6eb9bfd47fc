//! What of a request may be shown in a log or a list: tokens and secrets in it as their length and 8 hex digits of their digest.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use http::Uri;

use super::form::Form;
use crate::metrics::Endpoint;

/// A longer piece of an unknown path may be a token or a secret in the wrong place: secrets have 22 characters at least.
const PIECE_CHARACTERS_MAX: usize = 20;
/// Parameters whose values are shown.
const SHOWN: [&str; 19] = [
    "acr_values",
    "client_id",
    "code_challenge_method",
    "display",
    "error",
    "error_description",
    "error_hint",
    "grant_type",
    "iss",
    "max_age",
    "orgid",
    "post_logout_redirect_uri",
    "prompt",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "scopes",
    "ui_locales",
];

/// The path of a request to this endpoint.
pub(crate) fn path(endpoint: Endpoint, uri: &Uri) -> Cow<'_, str> {
    if endpoint != Endpoint::Other {
        return Cow::Borrowed(uri.path());
    }
    let pieces: Vec<_> = uri.path().split('/').map(piece).collect();
    Cow::Owned(pieces.join("/"))
}

/// Path and query.
pub(crate) fn target(endpoint: Endpoint, uri: &Uri) -> String {
    let path = path(endpoint, uri);
    let Some(query) = uri.query() else { return path.into_owned() };
    let Ok(form) = Form::decode(query.as_bytes()) else { return format!("{path}?…") };
    let pairs: Vec<_> = form
        .pairs()
        .map(|(name, value)| {
            let shown = if SHOWN.contains(&name) { value.to_owned() } else { mask(value) };
            format!("{}={shown}", piece(name))
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

fn piece(text: &str) -> Cow<'_, str> {
    if text.chars().count() > PIECE_CHARACTERS_MAX && !SHOWN.contains(&text) {
        Cow::Owned(mask(text))
    } else {
        Cow::Borrowed(text)
    }
}

/// A secret's length, and 8 hex digits of its digest.
pub(crate) fn mask(secret: &str) -> String {
    let digest = digest(&SHA256, secret.as_bytes());
    let first = digest.as_ref().first_chunk().map_or(0, |first| u32::from_be_bytes(*first));
    format!("[{} characters, {first:08x}]", secret.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_tell_two_apart() {
        let uri = Uri::from_static(
            "/sandbox/callback?code=abc&iss=http%3A%2F%2Flocalhost&password=x&id_token=abc&Code=abc&abcdefghijklmnopqrstu",
        );
        assert_eq!(
            target(Endpoint::Sandbox, &uri),
            "/sandbox/callback?code=[3 characters, ba7816bf]&iss=http://localhost&password=[1 characters, 2d711642]\
             &id_token=[3 characters, ba7816bf]&Code=[3 characters, ba7816bf]&[21 characters, 25f62a5a]=[0 characters, e3b0c442]"
        );
    }

    #[test]
    fn what_may_be_a_token_in_an_unknown_path_is_masked() {
        let uri = Uri::from_static("/userinfo/abcdefghijklmnopqrstu/x;y");
        assert_eq!(path(Endpoint::Other, &uri), "/userinfo/[21 characters, 25f62a5a]/x;y");
        assert_eq!(path(Endpoint::Asset, &uri), uri.path());
    }
}
