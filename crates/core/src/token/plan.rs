//! Which verb of the ledger a token request asks for.

use crate::client::{Client, ClientCredentials, GrantType};
use crate::grant::{CodeBinding, Redemption, Rotation, ShortDigest};
use crate::number::GrantId;
use crate::pkce::CodeChallenge;
use crate::scope::{ScopeSet, ScopeTable};
use crate::secret::Secret;

use super::pointer::{Payload, Pointer};
use super::refusal::{Refusal, RequestFault, TokenRefusal};
use super::rules::TokenRules;

/// An access token request (RFC 6749 sections 4.1.3, 4.4.2, 6).
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Who asks.
    pub credentials: ClientCredentials,
    /// What for.
    pub grant: TokenGrant,
}

/// What a token request presents.
#[derive(Debug, Clone)]
pub enum TokenGrant {
    /// `grant_type=authorization_code`.
    AuthorizationCode {
        /// The code.
        code: Secret,
        /// As in the authorization request.
        redirect_uri: Option<String>,
        /// RFC 7636 section 4.5.
        code_verifier: Option<Secret>,
    },
    /// `grant_type=refresh_token`.
    RefreshToken {
        /// The refresh token.
        refresh_token: Secret,
        /// As much of the granted scope as is wanted.
        scope: Option<String>,
    },
    /// `grant_type=client_credentials`.
    ClientCredentials {
        /// As much of the client's scope as is wanted.
        scope: Option<String>,
    },
    /// A grant type without the parameter that it must have; said only to a client that has proven itself.
    Incomplete {
        /// The grant type.
        grant_type: GrantType,
        /// What is missing.
        missing: &'static str,
    },
    /// Any other grant type.
    Unsupported,
}

impl TokenGrant {
    /// The grant type a client must be registered for.
    ///
    /// # Errors
    /// [`TokenRefusal::UnsupportedGrantType`].
    pub const fn grant_type(&self) -> Result<GrantType, TokenRefusal> {
        match self {
            Self::AuthorizationCode { .. } => Ok(GrantType::AuthorizationCode),
            Self::RefreshToken { .. } => Ok(GrantType::RefreshToken),
            Self::ClientCredentials { .. } => Ok(GrantType::ClientCredentials),
            Self::Incomplete { grant_type, .. } => Ok(*grant_type),
            Self::Unsupported => Err(TokenRefusal::UnsupportedGrantType),
        }
    }
}

/// The sealed credential of a request, opened; `None` if it did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// A code.
    Code(Option<Pointer>),
    /// A refresh token.
    Refresh(Option<Pointer>),
    /// A short code or refresh token whose grant is not there any more.
    Gone,
    /// None is needed.
    Nothing,
}

/// The number of the realm's newest sealing key, and what it seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealingKeys {
    /// With which new generations are sealed.
    pub newest: u8,
    /// How much the tokens say.
    pub payload: Payload,
}

/// What to do for a token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Redeem a code.
    Redeem(GrantId, Redemption),
    /// Refresh a grant, and issue an access token of this scope.
    Rotate(GrantId, Rotation, ScopeSet),
    /// Issue a row-less access token of this scope.
    Rowless(ScopeSet),
}

/// Decides which verb an authenticated client's request asks for. `rules`: those of this client.
///
/// # Errors
/// [`TokenRefusal`]: what is wrong before any row is looked at.
pub fn plan(
    client: &Client,
    request: &TokenGrant,
    presented: Presented,
    (scopes, rules, keys): (&ScopeTable, TokenRules, SealingKeys),
) -> Result<Plan, TokenRefusal> {
    if !client.may_use(request.grant_type()?) {
        return Err(TokenRefusal::UnauthorizedClient);
    }
    let refused = |refusal| Err(TokenRefusal::Grant(refusal));
    let terms = |scope| rules.terms(client, scope, keys);
    match (request, presented) {
        (TokenGrant::AuthorizationCode { redirect_uri, code_verifier, .. }, Presented::Code(pointer)) => {
            let Some(code) = pointer else { return refused(Refusal::Forged) };
            if !is_allowed(client, code.scope, scopes) {
                return refused(Refusal::ScopeRetired);
            }
            let binding = binding(redirect_uri.as_deref(), code_verifier.as_ref())?;
            let terms = terms(code.scope);
            Ok(Plan::Redeem(code.grant, Redemption { client: client.number, binding, terms }))
        }
        (TokenGrant::RefreshToken { scope, .. }, Presented::Refresh(pointer)) => {
            let Some(token) = pointer else { return refused(Refusal::Forged) };
            if token.client != client.number {
                return refused(Refusal::OtherClient);
            }
            if !is_allowed(client, token.scope, scopes) {
                return refused(Refusal::ScopeRetired);
            }
            let scope = requested(scope.as_deref(), token.scope, scopes)?;
            if keys.payload == Payload::Short && scope != token.scope {
                return Err(TokenRefusal::ScopeNotNarrowed);
            }
            let (generation, rotated_low, terms) = (token.generation, token.time, terms(token.scope));
            let rotation = Rotation { client: client.number, generation, rotated_low, terms };
            Ok(Plan::Rotate(token.grant, rotation, scope))
        }
        // They would have no row, and say too little without one.
        (TokenGrant::ClientCredentials { .. }, _) if keys.payload == Payload::Short => {
            Err(TokenRefusal::UnauthorizedClient)
        }
        (TokenGrant::ClientCredentials { scope }, _) => {
            // Who has the role that a service takes is a person, and here is none.
            let available = client.scope.intersection(scopes.live()).without(rules.service_scope());
            Ok(Plan::Rowless(requested(scope.as_deref(), available, scopes)?))
        }
        (TokenGrant::AuthorizationCode { .. } | TokenGrant::RefreshToken { .. }, Presented::Gone) => {
            refused(Refusal::Unknown)
        }
        (TokenGrant::AuthorizationCode { .. } | TokenGrant::RefreshToken { .. }, _) => refused(Refusal::Forged),
        (TokenGrant::Incomplete { missing, .. }, _) => Err(TokenRefusal::Malformed(RequestFault::Missing(missing))),
        (TokenGrant::Unsupported, _) => Err(TokenRefusal::UnsupportedGrantType),
    }
}

/// Whether a client may still have a scope that it was given: the realm has not retired it, nor was it taken from the client.
#[must_use]
pub fn is_allowed(client: &Client, scope: ScopeSet, scopes: &ScopeTable) -> bool {
    scopes.live().intersection(client.allowed).contains(scope)
}

/// What a code must be bound to for this request to redeem it.
fn binding(redirect_uri: Option<&str>, code_verifier: Option<&Secret>) -> Result<CodeBinding, TokenRefusal> {
    let challenge = match code_verifier {
        None => None,
        Some(verifier) => {
            let answered = CodeChallenge::of_verifier(verifier.expose());
            Some(answered.ok_or(TokenRefusal::Grant(Refusal::Verifier))?)
        }
    };
    Ok(CodeBinding {
        redirect_uri: redirect_uri.map_or(ShortDigest::ABSENT, |uri| ShortDigest::of(uri.as_bytes())),
        code_challenge: CodeChallenge::digest(challenge),
    })
}

/// The scope asked for, within what there is to give; absent: all of it.
fn requested(scope: Option<&str>, available: ScopeSet, scopes: &ScopeTable) -> Result<ScopeSet, TokenRefusal> {
    let Some(scope) = scope else { return Ok(available) };
    let scope = scopes.parse(scope).map_err(TokenRefusal::Scope)?;
    if available.contains(scope) { Ok(scope) } else { Err(TokenRefusal::ScopeNotGranted) }
}
