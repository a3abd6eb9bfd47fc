//! Why a command was not carried out. Nothing was changed, but where it says so.

use kimbai_core::claims::ClaimsError;
use kimbai_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::setup::SetupError;

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "message", rename_all = "snake_case")]
pub enum AdminError {
    /// What it names is not there.
    #[error("{0}")]
    NotFound(String),
    /// What it would make is there already.
    #[error("{0}")]
    Exists(String),
    /// It asks for something that cannot be; each mistake is a sentence.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
    /// The store did not do it: asked again, it may.
    #[error("the store is not available: {0}; try again")]
    Unavailable(String),
    /// The server does not know the command: it is of another version than the command line.
    #[error("the running server does not know this form of {0:?}: restart it with this version of kimbai")]
    Version(String),
    /// Something of ours failed.
    #[error("{0}")]
    Failed(String),
}

impl From<ClaimsError> for AdminError {
    fn from(error: ClaimsError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotDone | StoreError::Changed => Self::Unavailable(error.to_string()),
            StoreError::Unknown => Self::Unavailable("it may or may not have been done".to_owned()),
            StoreError::Unreadable(_) => Self::Failed(error.to_string()),
            StoreError::Taken => Self::Exists(error.to_string()),
        }
    }
}

impl From<EngineError> for AdminError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Stored(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<SetupError> for AdminError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Store(error) => error.into(),
            SetupError::MasterKey(_)
            | SetupError::MasterKeyReplaced(_)
            | SetupError::Json { .. }
            | SetupError::Scopes(_) => Self::Failed(error.to_string()),
            SetupError::ScopeNumbers(_)
            | SetupError::Settings { .. }
            | SetupError::Client { .. }
            | SetupError::Subject(_)
            | SetupError::ClientId(_)
            | SetupError::Username(_)
            | SetupError::PartnerCode(_)
            | SetupError::Secret(_) => Self::Invalid(vec![error.to_string()]),
        }
    }
}
