//! Secrets as the sandbox shows them, in its table, on its pages and in its JSON document. These are for whoever reaches them, so that
//! an integrator's own are not there.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// A secret of a client or partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// One that is published, or was made by this start.
    Itself(Cow<'static, str>),
    /// One that an integrator gave.
    Yours,
    /// One that was made by an earlier start, which showed it.
    Earlier,
}

impl Shown {
    /// The secret, or why it is not there.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Itself(secret) => secret,
            Self::Yours => "(yours)",
            Self::Earlier => "(made by an earlier start)",
        }
    }

    /// The secret itself.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Itself(secret) => Some(secret),
            Self::Yours | Self::Earlier => None,
        }
    }
}

impl From<&'static str> for Shown {
    fn from(published: &'static str) -> Self {
        Self::Itself(published.into())
    }
}

impl From<String> for Shown {
    fn from(made: String) -> Self {
        Self::Itself(made.into())
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}
