//! What a request says of the log-in itself: `nonce`, `prompt`, `max_age`, `claims` (OpenID Connect Core sections 3.1.2.1, 5.5).
//!
//! `prompt` and `max_age` count without the scope `openid` too. `display`, `acr_values` and values of `prompt` that are not known
//! change nothing, as that section allows.

use crate::claims::{ClaimSet, ClaimsParameter, RequestedClaims};
use crate::client::Client;
use crate::scope::{ScopeSet, ScopeTable};

use super::request::{AuthorizationRequest, AuthorizeError};

/// Longer nonces are refused; in bytes.
const NONCE_BYTES_MAX: usize = 255;

/// Which pages a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// `none`: no page at all.
    Silent,
    /// Those that are needed, and these in any case.
    Pages(Demands),
}

/// The pages that are shown whatever is settled already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demands(u8);

impl Demands {
    /// None.
    pub const NONE: Self = Self(0);
    /// `login`: the user authenticates again.
    pub const LOG_IN: Self = Self(1);
    /// `consent`: the user is asked again.
    pub const CONSENT: Self = Self(2);
    /// `select_account`: the user says which account it is.
    pub const SELECT_ACCOUNT: Self = Self(4);

    /// Whether this page is among them.
    #[must_use]
    pub const fn contains(self, page: Self) -> bool {
        self.0 & page.0 == page.0
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a request says of the log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogInTerms {
    /// What the ID token repeats.
    pub nonce: Option<String>,
    /// Which pages it wants.
    pub prompt: Prompt,
    /// How long ago the user may have authenticated, in seconds.
    pub max_age_s: Option<u32>,
    /// The claims it asks for by name; a client gets none that no scope gives which it is registered for.
    pub requested: RequestedClaims,
    /// The scopes that give those of them that the requested scope does not give: the user is asked for these too, and no token
    /// has them.
    pub claim_scopes: ScopeSet,
    /// The subject that the user must have.
    pub sub: Option<String>,
}

impl LogInTerms {
    /// Reads them; what the request leaves out, the client's registration may say.
    pub(super) fn read(
        request: &AuthorizationRequest,
        client: &Client,
        (scope, scopes): (ScopeSet, &ScopeTable),
    ) -> Result<Self, AuthorizeError> {
        let nonce = request.nonce.value();
        if nonce.is_some_and(|nonce| nonce.len() > NONCE_BYTES_MAX) {
            return Err(AuthorizeError::Malformed("nonce"));
        }
        let max_age_s = match request.max_age.value() {
            Some(seconds) => Some(whole_seconds(seconds).ok_or(AuthorizeError::Malformed("max_age"))?),
            None => client.metadata.default_max_age,
        };
        let claims = match request.claims.value() {
            Some(claims) => ClaimsParameter::parse(claims).map_err(|_| AuthorizeError::Malformed("claims"))?,
            None => ClaimsParameter::default(),
        };
        if claims.is_acr_unmet {
            return Err(AuthorizeError::AuthenticationContext);
        }
        let (requested, claim_scopes) = by_name(claims.requested, client, (scope, scopes));
        Ok(Self {
            nonce: nonce.map(str::to_owned),
            prompt: prompt(request.prompt.value().unwrap_or_default())?,
            max_age_s,
            requested,
            claim_scopes,
            sub: claims.sub,
        })
    }
}

/// The claims asked for by name that the client may have, and the scopes that give those which the requested scope does not give.
fn by_name(
    requested: RequestedClaims,
    client: &Client,
    (scope, scopes): (ScopeSet, &ScopeTable),
) -> (RequestedClaims, ScopeSet) {
    // Without the scope `openid` there is no place for them.
    let is_openid = scopes.parse("openid").is_ok_and(|openid| scope.contains(openid));
    if requested == RequestedClaims::NONE || !is_openid {
        return (RequestedClaims::NONE, ScopeSet::EMPTY);
    }
    let registered = client.scope.intersection(scopes.live());
    let requested = requested.within(ClaimSet::of_scopes(registered, scopes));
    let beyond = requested.userinfo.union(requested.id_token).without(ClaimSet::of_scopes(scope, scopes));
    (requested, beyond.given_by(registered, scopes))
}

fn prompt(values: &str) -> Result<Prompt, AuthorizeError> {
    let mut demands = Demands::NONE;
    let mut is_silent = false;
    for value in values.split(' ') {
        match value {
            "none" => is_silent = true,
            "login" => demands = demands.and(Demands::LOG_IN),
            "consent" => demands = demands.and(Demands::CONSENT),
            "select_account" => demands = demands.and(Demands::SELECT_ACCOUNT),
            _ => {}
        }
    }
    match is_silent {
        true if values != "none" => Err(AuthorizeError::PromptNone),
        true => Ok(Prompt::Silent),
        false => Ok(Prompt::Pages(demands)),
    }
}

/// Digits and nothing else; more than 68 years are as good as for ever.
fn whole_seconds(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_is_a_list_in_which_none_stands_alone() {
        let pages = |demands| Ok(Prompt::Pages(demands));
        for (values, expect) in [
            ("", pages(Demands::NONE)),
            ("none", Ok(Prompt::Silent)),
            ("login", pages(Demands::LOG_IN)),
            ("login consent", pages(Demands::LOG_IN.and(Demands::CONSENT))),
            ("select_account login login", pages(Demands::LOG_IN.and(Demands::SELECT_ACCOUNT))),
            ("create", pages(Demands::NONE)),
            ("Login", pages(Demands::NONE)),
            ("none login", Err(AuthorizeError::PromptNone)),
            ("consent none", Err(AuthorizeError::PromptNone)),
            ("none none", Err(AuthorizeError::PromptNone)),
            ("none create", Err(AuthorizeError::PromptNone)),
        ] {
            assert_eq!(prompt(values), expect, "{values:?}");
        }
    }

    #[test]
    fn max_age_is_digits_and_nothing_else() {
        for (text, expect) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", Some(u32::MAX)),
            ("99999999999999999999999999", Some(u32::MAX)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e9", None),
            (" 1", None),
            ("", None),
        ] {
            assert_eq!(whole_seconds(text), expect, "{text:?}");
        }
    }
}
