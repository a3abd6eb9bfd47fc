//! Why a token request is refused: facts, a variant each. Dialects spell them.

use crate::client::ClientAuthenticationError;
use crate::scope::ScopeError;

/// Why a token, revocation or introspection request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// The request is not one.
    #[error("{0}")]
    Malformed(RequestFault),
    /// The client did not prove who it is.
    #[error("{0}")]
    Client(ClientAuthenticationError),
    /// The grant type is unknown here.
    #[error("the grant_type is not supported")]
    UnsupportedGrantType,
    /// The client is not registered for the grant type.
    #[error("the client is not registered for this grant_type")]
    UnauthorizedClient,
    /// The scope is malformed or unknown.
    #[error("{0}")]
    Scope(ScopeError),
    /// The scope is beyond what the client is registered for, or the grant gives.
    #[error("the scope is beyond what was granted")]
    ScopeNotGranted,
    /// The scope is less than the grant's, and the realm's tokens have no room to say so.
    #[error("a token of this realm has the whole scope of its grant")]
    ScopeNotNarrowed,
    /// The code or refresh token does not work.
    #[error("{0}")]
    Grant(Refusal),
}

/// What is wrong with a request's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// A parameter must be there.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter is there twice, or in query and body.
    #[error("the parameter {0} is repeated")]
    Repeated(&'static str),
    /// A parameter is not UTF-8, or has a character it may not have.
    #[error("the parameter {0} is malformed")]
    Parameter(&'static str),
    /// The body is not a form.
    #[error("the body is malformed")]
    Body,
    /// More parameters than a request may have.
    #[error("the request has too many parameters")]
    TooMany,
}

/// Why a code or refresh token does not work. The client is told none of it; the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// It is not one of ours, or for something else.
    #[error("the token is not one of this realm, or of another kind")]
    Forged,
    /// Its grant is gone.
    #[error("the grant is unknown")]
    Unknown,
    /// It has passed its end, or the grant has.
    #[error("the token has expired")]
    Expired,
    /// The grant was ended.
    #[error("the grant was revoked")]
    Revoked,
    /// It was issued to another client.
    #[error("the token was issued to another client")]
    OtherClient,
    /// The redirect URI is not the authorization request's.
    #[error("the redirect_uri differs from the authorization request's")]
    RedirectUri,
    /// The code verifier is missing, malformed, unasked for, or does not answer the challenge.
    #[error("the code_verifier does not answer the code_challenge")]
    Verifier,
    /// The code has been redeemed.
    #[error("the code was redeemed before")]
    CodeSpent,
    /// A spent refresh token: the grant was revoked for it.
    #[error("the refresh token was used before and its successor too, or too long ago")]
    Reused,
    /// A spent refresh token that somebody asks about, not to refresh with it.
    #[error("the refresh token was used before")]
    Spent,
    /// The successor's access token was revoked, and a retry does not bring it back.
    #[error("the tokens of this generation were revoked")]
    GenerationRevoked,
    /// The token is right and the row is not of its time: the store has lost its tail.
    #[error("the store is older than the token")]
    StoreWentBack,
    /// The client was disabled, or everything of it was ended.
    #[error("the client was disabled")]
    ClientEnded,
    /// The user was disabled, or everything of it was ended.
    #[error("the user was disabled")]
    UserEnded,
    /// The user does not belong to the grant's organization any more.
    #[error("the user does not belong to the grant's organization any more")]
    MembershipEnded,
    /// The user has not the role any more that the grant's scope takes.
    #[error("the user has not the role any more that the grant's scope takes")]
    RoleEnded,
    /// A scope of the grant was retired, or taken from the client.
    #[error("a scope of the grant was retired or taken from the client")]
    ScopeRetired,
    /// The grant has reached its last generation.
    #[error("the grant has reached its last generation")]
    LastGeneration,
}
