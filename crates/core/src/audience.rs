//! For whom access tokens are: the realm itself, and the resources beyond it that their scopes open (RFC 9068 sections 2.2 and 3).

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::realm::RealmSettings;
use crate::scope::{OPENID, ScopeSet, ScopeTable};

/// What an access token is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// Sealed: who wants to know what it says asks us.
    #[default]
    Opaque,
    /// A signed JWT (RFC 9068), which a resource server reads by itself, and takes for good until it expires.
    Jwt,
}

/// A resource beyond the realm's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceDefinition {
    /// What stands in `aud`: a URI, or the `client_id` of a resource server, which may then introspect the tokens that are for it.
    pub audience: String,
    /// The scopes that open it.
    pub scopes: Vec<String>,
    /// What its tokens are, for clients of which nothing is said.
    #[serde(default)]
    pub access_token_format: AccessTokenFormat,
}

/// A realm has so many audiences at most.
const AUDIENCES_MAX: usize = 64;
/// The longest name of one, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Why a realm cannot have these audiences.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    /// There are too many.
    #[error("a realm has {AUDIENCES_MAX} at most")]
    TooMany,
    /// A name that would not survive on its way, or that is the realm's own.
    #[error(
        "{0:?} is not 1 to {NAME_BYTES_MAX} visible ASCII characters without quotes and backslash, or is the issuer"
    )]
    Name(String),
    /// Two have one name.
    #[error("{0} is named twice")]
    Twice(String),
    /// The realm has no such scope, or the scope is the realm's own affair: `openid`, and the one that asks for a refresh token.
    #[error("{0}: the realm has no scope {1} that could open it")]
    Scope(String, String),
    /// A scope opens two of them: it would be unclear for whom a token is (RFC 9068 section 5).
    #[error("the scope {0} opens two of them")]
    SharedScope(String),
    /// Nobody could verify its tokens.
    #[error("{0}: JWTs need paths.jwks and signing.algorithms, and a token_shape other than hex")]
    NoKeys(String),
}

/// Whether a realm can have the audiences that its settings name.
///
/// # Errors
/// [`AudienceError`]: the first thing that is wrong.
pub(crate) fn check(settings: &RealmSettings) -> Result<(), AudienceError> {
    if settings.audiences.len() > AUDIENCES_MAX {
        return Err(AudienceError::TooMany);
    }
    let (mut names, mut taken) = (HashSet::new(), HashSet::new());
    for AudienceDefinition { audience, scopes, access_token_format } in &settings.audiences {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        let is_name = (1..=NAME_BYTES_MAX).contains(&audience.len()) && audience.bytes().all(is_plain);
        if !is_name || *audience == settings.issuer {
            return Err(AudienceError::Name(audience.clone()));
        }
        if !names.insert(audience) {
            return Err(AudienceError::Twice(audience.clone()));
        }
        for scope in scopes {
            let is_own = scope == OPENID || settings.offline_names().any(|offline| scope == offline);
            if is_own || !settings.scopes.iter().any(|known| known.name == *scope) {
                return Err(AudienceError::Scope(audience.clone(), scope.clone()));
            }
            if !taken.insert(scope) {
                return Err(AudienceError::SharedScope(scope.clone()));
            }
        }
        if *access_token_format == AccessTokenFormat::Jwt && !settings.signs_access_tokens() {
            return Err(AudienceError::NoKeys(audience.clone()));
        }
    }
    Ok(())
}

/// For whom a realm's access tokens are, by their scope.
#[derive(Debug, Clone)]
pub struct AudienceTable {
    issuer: Arc<str>,
    beyond: Vec<Audience>,
    /// The scopes that say nothing of the realm's own resources: those of audiences, and the one that asks for a refresh token.
    elsewhere: ScopeSet,
}

#[derive(Debug, Clone)]
struct Audience {
    name: Arc<str>,
    scope: ScopeSet,
    format: AccessTokenFormat,
}

impl AudienceTable {
    /// The table of settings that were checked.
    #[must_use]
    pub fn new(settings: &RealmSettings, scopes: &ScopeTable) -> Self {
        let set = |names: &[String]| {
            let sets = names.iter().filter_map(|name| scopes.parse_registered(name).ok());
            sets.fold(ScopeSet::EMPTY, ScopeSet::union)
        };
        let beyond = settings.audiences.iter().map(|definition| Audience {
            name: definition.audience.as_str().into(),
            scope: set(&definition.scopes),
            format: definition.access_token_format,
        });
        let beyond: Vec<_> = beyond.collect();
        let offline = settings.offline_names().filter_map(|name| scopes.parse_registered(name).ok());
        let offline = offline.fold(ScopeSet::EMPTY, ScopeSet::union);
        let elsewhere = beyond.iter().fold(offline, |all, audience| all.union(audience.scope));
        Self { issuer: settings.issuer.as_str().into(), beyond, elsewhere }
    }

    /// For whom a token of this scope is. The realm is among them unless all of its scopes open something else.
    #[must_use]
    pub fn of(&self, scope: ScopeSet) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.opened(scope).map(|audience| Arc::clone(&audience.name)).collect();
        if names.is_empty() || !self.elsewhere.contains(scope) {
            names.insert(0, Arc::clone(&self.issuer));
        }
        names
    }

    /// What a token of this scope is, for a client of which nothing is said: a JWT if one of its audiences wants it so.
    #[must_use]
    pub fn format(&self, scope: ScopeSet) -> AccessTokenFormat {
        let wants_jwt = self.opened(scope).any(|audience| audience.format == AccessTokenFormat::Jwt);
        if wants_jwt { AccessTokenFormat::Jwt } else { AccessTokenFormat::Opaque }
    }

    /// Whether it is the name of an audience.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.beyond.iter().any(|audience| *audience.name == *name)
    }

    fn opened(&self, scope: ScopeSet) -> impl Iterator<Item = &Audience> {
        self.beyond.iter().filter(move |audience| !audience.scope.intersection(scope).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{INVENTORY, OFFLINE, ORDER, PRODUCT, scope_table, settings};

    fn audience(audience: &str, scopes: &[&str], access_token_format: AccessTokenFormat) -> AudienceDefinition {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        AudienceDefinition { audience: audience.to_owned(), scopes, access_token_format }
    }

    #[test]
    fn a_token_is_for_those_whom_its_scopes_open_and_a_jwt_if_one_of_them_wants_it_so() {
        use AccessTokenFormat::{Jwt, Opaque};
        let mut settings = settings();
        settings.audiences =
            vec![audience("https://orders.example.vn", &["order"], Jwt), audience("stock", &["inventory"], Opaque)];
        let table = AudienceTable::new(&settings, &scope_table());
        let issuer = settings.issuer.as_str();
        for (scope, expect, format) in [
            (ScopeSet::EMPTY, vec![issuer], Opaque),
            (OFFLINE, vec![issuer], Opaque),
            (PRODUCT, vec![issuer], Opaque),
            (ORDER, vec!["https://orders.example.vn"], Jwt),
            (ORDER.union(OFFLINE), vec!["https://orders.example.vn"], Jwt),
            (ORDER.union(PRODUCT), vec![issuer, "https://orders.example.vn"], Jwt),
            (INVENTORY, vec!["stock"], Opaque),
            (INVENTORY.union(ORDER), vec!["https://orders.example.vn", "stock"], Jwt),
        ] {
            let names = table.of(scope);
            let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
            assert_eq!((names, table.format(scope)), (expect, format), "{scope:?}");
        }
        assert!(table.knows("stock") && !table.knows(issuer) && !table.knows("nobody"));
    }

    #[test]
    fn audiences_that_would_be_unclear_are_refused_by_name() {
        use AccessTokenFormat::{Jwt, Opaque};
        let plain = |name: &str| audience(name, &["order"], Opaque);
        let (longest, too_long) = ("a".repeat(255), "a".repeat(256));
        let many = |count: usize| (0..count).map(|n| audience(&n.to_string(), &[], Opaque)).collect::<Vec<_>>();
        for (audiences, expect) in [
            (vec![plain(&longest)], None),
            (many(64), None),
            (many(65), Some("a realm has 64 at most")),
            (vec![plain("")], Some("\"\" is not 1 to 255")),
            (vec![plain(&too_long)], Some("\"aaa")),
            (vec![plain("a b")], Some("\"a b\" is not")),
            (vec![plain("a\"b")], Some("\"a\\\"b\" is not")),
            (vec![plain("http://localhost:4602")], Some("\"http://localhost:4602\" is not")),
            (vec![audience("a", &[], Opaque), audience("a", &[], Opaque)], Some("a is named twice")),
            (vec![audience("a", &["nowhere"], Opaque)], Some("a: the realm has no scope nowhere")),
            (vec![audience("a", &["offline"], Opaque)], Some("a: the realm has no scope offline")),
            (vec![plain("a"), plain("b")], Some("the scope order opens two of them")),
            (vec![audience("a", &["order"], Jwt)], Some("a: JWTs need paths.jwks and signing.algorithms")),
        ] {
            let settings = RealmSettings { audiences, ..settings() };
            let found = check(&settings).map_err(|error| error.to_string());
            match expect {
                None => assert_eq!(found, Ok(())),
                Some(expect) => assert!(found.as_ref().is_err_and(|error| error.starts_with(expect)), "{found:?}"),
            }
        }
    }
}
