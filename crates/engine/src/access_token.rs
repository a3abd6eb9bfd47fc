//! Access tokens: sealed, or signed as JWTs whose `jti` is what would have been sealed (RFC 9068). What holds for the one, retries,
//! revocation and epochs, holds for the other.

use std::borrow::Cow;
use std::sync::Arc;

use kimbai_core::access_token::{AccessTokenClaims, AudienceClaim};
use kimbai_core::audience::AccessTokenFormat;
use kimbai_core::claims::ACR;
use kimbai_core::client::Client;
use kimbai_core::realm::RefreshTokenFormat;
use kimbai_core::refresh_token::RefreshTokenClaims;
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::{Pointer, Rowless, TokenKind};
use kimbai_keyring::{JwtFault, JwtKind, Opened, SealedToken, SignedJwt, SigningKey};
use serde_json::Value;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::realm::Realm;
use crate::signing::JwtError;

/// A token as its client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuedToken {
    /// Opaque.
    Sealed(SealedToken),
    /// A JWT.
    Signed(SignedJwt),
}

impl IssuedToken {
    /// The text, for the response it belongs to.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Sealed(sealed) => sealed.expose(),
            Self::Signed(jwt) => jwt.expose(),
        }
    }
}

/// What an access token points to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Grant(Pointer),
    Nothing(Rowless),
}

impl Target {
    const fn scope(self) -> ScopeSet {
        match self {
            Self::Grant(pointer) => pointer.scope,
            Self::Nothing(rowless) => rowless.scope,
        }
    }

    /// When it was issued, and when it expires, in seconds since 1970.
    const fn times(self) -> (u32, u32) {
        match self {
            Self::Grant(pointer) => (pointer.issued_at_s, pointer.time),
            Self::Nothing(rowless) => (rowless.issued_at_s, rowless.expiry_s),
        }
    }
}

/// Of whom a JWT speaks, and what signs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement<'a> {
    pub(crate) subject: &'a str,
    /// When the user authenticated here, in seconds since 1970; none: elsewhere, or there is no user.
    pub(crate) auth_time_s: Option<u32>,
    pub(crate) signer: &'a SigningKey,
}

/// A token that was presented, opened.
pub(crate) struct OpenedToken<'a> {
    pub(crate) opened: Opened,
    /// The sealed part: by it the deny list knows a token. A signature can be written in more ways than one.
    pub(crate) sealed: Cow<'a, str>,
    /// For whom a JWT says that it is.
    pub(crate) audience: Option<Vec<Arc<str>>>,
}

impl From<SealedToken> for IssuedToken {
    fn from(sealed: SealedToken) -> Self {
        Self::Sealed(sealed)
    }
}

impl Realm {
    /// What an access token of this scope is, of a grant of that one: what the client is registered for, else what the audiences want;
    /// where even refresh tokens are JWTs, a JWT. A service's is never a JWT, however little of it the token has: no key that signs is
    /// kept for decades.
    pub(crate) fn access_token_format(&self, client: &Client, scope: ScopeSet, granted: ScopeSet) -> AccessTokenFormat {
        if self.token_rules.service_of(granted).is_some() {
            return AccessTokenFormat::Opaque;
        }
        client.metadata.access_token_format.unwrap_or_else(|| match self.settings.refresh_token_format {
            RefreshTokenFormat::Opaque => self.audiences.format(scope),
            RefreshTokenFormat::Jwt => AccessTokenFormat::Jwt,
        })
    }

    /// A signed access token, whose `jti` this is.
    pub(crate) fn signed_access_token(
        &self,
        client: &Client,
        (target, jti): (Target, &SealedToken),
        statement: Statement<'_>,
    ) -> Result<IssuedToken, EngineError> {
        let (issued_at_s, expiry_s) = target.times();
        let claims = AccessTokenClaims {
            iss: self.settings.issuer.clone(),
            aud: AudienceClaim::of(&self.audiences.of(target.scope())),
            sub: statement.subject.to_owned(),
            client_id: client.client_id.clone(),
            exp: expiry_s,
            iat: issued_at_s,
            jti: jti.expose().to_owned(),
            scope: self.scope_claim(target.scope()),
            auth_time: statement.auth_time_s,
            acr: statement.auth_time_s.map(|_| ACR.to_owned()),
            partner_code: partner_code(client),
        };
        // Strings and numbers are always written.
        let json = serde_json::to_vec(&claims).unwrap_or_default();
        let jwt = statement.signer.sign(JwtKind::Access, &json);
        jwt.map(IssuedToken::Signed).map_err(|error| EngineError::Stored(error.to_string()))
    }

    /// A signed refresh token, whose `jti` this is; `expiry_s` follows from the row, so that a retry says the same.
    pub(crate) fn signed_refresh_token(
        &self,
        client: &Client,
        (pointer, expiry_s, jti): (&Pointer, u32, &SealedToken),
        statement: Statement<'_>,
    ) -> Result<IssuedToken, EngineError> {
        let claims = RefreshTokenClaims {
            iss: self.settings.issuer.clone(),
            aud: self.settings.issuer.clone(),
            sub: statement.subject.to_owned(),
            client_id: client.client_id.clone(),
            exp: expiry_s,
            iat: pointer.issued_at_s,
            jti: jti.expose().to_owned(),
            partner_code: partner_code(client),
        };
        // Strings and numbers are always written.
        let json = serde_json::to_vec(&claims).unwrap_or_default();
        let jwt = statement.signer.sign(JwtKind::Refresh, &json);
        jwt.map(IssuedToken::Signed).map_err(|error| EngineError::Stored(error.to_string()))
    }

    /// As what a JWT may be read that is presented for one of these kinds.
    fn jwt_kinds(&self, kinds: &[TokenKind]) -> Vec<JwtKind> {
        let is_access = |kind: &TokenKind| matches!(kind, TokenKind::Access | TokenKind::Rowless);
        let access = kinds.iter().any(is_access).then_some(JwtKind::Access);
        let takes_refresh = self.settings.refresh_token_format == RefreshTokenFormat::Jwt;
        let refresh = (takes_refresh && kinds.contains(&TokenKind::Refresh)).then_some(JwtKind::Refresh);
        access.into_iter().chain(refresh).collect()
    }

    /// Opens the `jti` of a refresh token's claims, if the two agree.
    fn open_refresh_claims(&self, claims: &RefreshTokenClaims) -> Option<Opened> {
        let Opened::Pointer(_, pointer) = self.keyring.open(&[TokenKind::RefreshJti], &claims.jti)? else {
            return None;
        };
        let client = self.client_by_number(pointer.client)?;
        let agree = pointer.issued_at_s == claims.iat && client.client_id == claims.client_id;
        agree.then_some(Opened::Pointer(TokenKind::Refresh, pointer))
    }

    fn scope_claim(&self, scope: ScopeSet) -> Option<String> {
        Some(self.scopes.render(scope)).filter(|scope| !scope.is_empty())
    }

    /// Opens the `jti` of claims that we have signed, if the two agree: then neither was taken from another token.
    fn open_claims(&self, kinds: &[TokenKind], claims: &AccessTokenClaims) -> Option<Opened> {
        let of_access = kinds.iter().filter(|kind| matches!(kind, TokenKind::Access | TokenKind::Rowless));
        let kinds: Vec<_> = of_access.filter_map(|kind| kind.in_jwt()).collect();
        let (opened, target, client) = match self.keyring.open(&kinds, &claims.jti)? {
            Opened::Pointer(_, pointer) => {
                (Opened::Pointer(TokenKind::Access, pointer), Target::Grant(pointer), pointer.client)
            }
            Opened::Rowless(rowless) => (Opened::Rowless(rowless), Target::Nothing(rowless), rowless.client),
            Opened::Short(..) => return None,
        };
        let client = self.client_by_number(client)?;
        let agree = target.times() == (claims.iat, claims.exp)
            && client.client_id == claims.client_id
            // Another server may know of a scope whose name we have not read yet: a token of it must be revocable here too.
            && (!self.scopes.knows(target.scope()) || self.scope_claim(target.scope()) == claims.scope);
        agree.then_some(opened)
    }
}

impl Engine {
    /// Opens a token as one of these kinds, be it sealed or signed; none for all that is not exactly one of this realm's. Whether its
    /// time is over, the ledger's clock says.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub(crate) async fn open_token<'a>(
        &self,
        realm: &Realm,
        kinds: &[TokenKind],
        token: &'a str,
    ) -> Result<Option<OpenedToken<'a>>, EngineError> {
        if let Some(opened) = realm.keyring.open(kinds, token) {
            return Ok(Some(OpenedToken { opened, sealed: Cow::Borrowed(token), audience: None }));
        }
        for kind in realm.jwt_kinds(kinds) {
            let claims = match self.verify_jwt(realm, kind, token).await {
                Ok(verified) => Value::Object(verified.of_any_time()),
                Err(JwtError::Fault(JwtFault::Type)) => continue,
                Err(JwtError::Fault(_)) => return Ok(None),
                Err(JwtError::Failed(failure)) => return Err(failure),
            };
            return Ok(match kind {
                JwtKind::Refresh => realm.opened_refresh_token(claims),
                JwtKind::Access | JwtKind::Id | JwtKind::UserInfo => realm.opened_access_token(kinds, claims),
            });
        }
        Ok(None)
    }
}

impl Realm {
    fn opened_access_token(&self, kinds: &[TokenKind], claims: Value) -> Option<OpenedToken<'static>> {
        let claims: AccessTokenClaims = serde_json::from_value(claims).ok()?;
        let opened = self.open_claims(kinds, &claims)?;
        Some(OpenedToken { opened, audience: Some(claims.aud.names()), sealed: Cow::Owned(claims.jti) })
    }

    fn opened_refresh_token(&self, claims: Value) -> Option<OpenedToken<'static>> {
        let claims: RefreshTokenClaims = serde_json::from_value(claims).ok()?;
        let opened = self.open_refresh_claims(&claims)?;
        Some(OpenedToken { opened, audience: None, sealed: Cow::Owned(claims.jti) })
    }
}

fn partner_code(client: &Client) -> Option<String> {
    client.partner().map(|partner| partner.partner_code.clone())
}
