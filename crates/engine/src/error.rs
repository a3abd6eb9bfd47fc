//! What an operation can end with besides its answer.

use kimbai_core::claims::ClaimsError;
use kimbai_core::token::TokenRefusal;
use kimbai_store::StoreError;

use crate::rate_limit::Throttled;
use crate::setup::SetupError;

/// A failure of ours, in any operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The store did not do it, or may have. Answered 503; the caller may ask again.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// Stored settings, claims or keys cannot be read, or a sealing key is gone that a row still names.
    #[error("what is stored cannot be used: {0}")]
    Stored(String),
}

impl From<ClaimsError> for EngineError {
    fn from(error: ClaimsError) -> Self {
        Self::Stored(error.to_string())
    }
}

impl From<SetupError> for EngineError {
    fn from(error: SetupError) -> Self {
        if let SetupError::Store(error) = error { Self::Store(error) } else { Self::Stored(error.to_string()) }
    }
}

/// Why a token, revocation or introspection request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The request is refused.
    #[error("the request is refused")]
    Refused(#[from] TokenRefusal),
    /// The client has used its allowance up.
    #[error("{0}")]
    Throttled(#[from] Throttled),
    /// We failed.
    #[error("the server failed")]
    Failed(#[from] EngineError),
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Failed(EngineError::Store(error))
    }
}
