//! Client authentication: exactly the registered method, once (RFC 6749 section 2.3).
//!
//! An unknown client, a wrong secret and a disabled client cannot be told apart. Only who has shown the right secret is told that
//! the method is wrong.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::secret::Secret;

use super::metadata::{AuthenticationMethod, Client, SecretDigest, SecretRepetition};

/// What a request says of its client.
#[derive(Debug, Clone, Default)]
pub struct ClientCredentials {
    /// The `Authorization: Basic` header, decoded.
    pub basic: Option<BasicCredentials>,
    /// `client_id` in the body.
    pub client_id: Option<String>,
    /// `client_secret` in the body.
    pub client_secret: Option<Secret>,
}

/// A decoded `Authorization: Basic` header.
#[derive(Debug, Clone)]
pub struct BasicCredentials {
    /// The user-id half.
    pub client_id: String,
    /// The password half.
    pub client_secret: Secret,
}

/// The presented secrets under the keyring's key.
#[derive(Debug, Clone, Copy, Default)]
pub struct PresentedSecrets {
    /// The header's.
    pub basic: Option<SecretDigest>,
    /// The body's.
    pub body: Option<SecretDigest>,
}

/// Why a client is not who it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientAuthenticationError {
    /// No `client_id` anywhere.
    #[error("the request names no client")]
    Missing,
    /// The header is not one Basic header of a form-encoded id and secret (RFC 6749 section 2.3.1).
    #[error("the Authorization header is malformed")]
    Header,
    /// The header and the body name two clients.
    #[error("the header and the body name different clients")]
    TwoClients,
    /// The client is unknown or disabled, or the secret is missing or wrong.
    #[error("the client is unknown or disabled, or its secret is wrong")]
    Refused,
    /// The secret is right, the method is not the registered one.
    #[error("the client is registered for {} and used {}", registered.name(), used.name())]
    Method {
        /// What is registered.
        registered: AuthenticationMethod,
        /// What was used.
        used: AuthenticationMethod,
    },
    /// The secret is right, and stands in the header and in the body.
    #[error("the client used client_secret_basic and client_secret_post at once")]
    SeveralMethods {
        /// What is registered.
        registered: AuthenticationMethod,
    },
}

impl ClientCredentials {
    /// The one client the request names.
    ///
    /// # Errors
    /// [`ClientAuthenticationError::Missing`], [`ClientAuthenticationError::TwoClients`].
    pub fn client_id(&self) -> Result<&str, ClientAuthenticationError> {
        match (&self.basic, &self.client_id) {
            (Some(basic), Some(client_id)) if basic.client_id != *client_id => {
                Err(ClientAuthenticationError::TwoClients)
            }
            (Some(basic), _) => Ok(&basic.client_id),
            (None, Some(client_id)) => Ok(client_id),
            (None, None) => Err(ClientAuthenticationError::Missing),
        }
    }
}

/// Whether the presented secrets prove at this second since 1970 that the request comes from `client`.
///
/// # Errors
/// [`ClientAuthenticationError`]: `Refused` for all that a stranger may not tell apart.
pub fn authenticate(
    client: Option<&Client>,
    presented: &PresentedSecrets,
    now_s: u32,
) -> Result<(), ClientAuthenticationError> {
    let is_right = |digest: &SecretDigest| match client {
        Some(client) => client.metadata.secrets.iter().fold(false, |right, secret| {
            // Compared also when it has ended, so that it takes as long.
            (equal(&secret.digest, digest) & secret.is_live(now_s)) | right
        }),
        None => equal(&SecretDigest([0; 32]), digest) & false,
    };
    let basic = presented.basic.as_ref().map(is_right);
    let body = presented.body.as_ref().map(is_right);
    let Some(client) = client.filter(|client| client.standing.active) else {
        return Err(ClientAuthenticationError::Refused);
    };
    let registered = client.metadata.token_endpoint_auth_method;
    match (registered, basic, body) {
        (AuthenticationMethod::None, None, None)
        | (AuthenticationMethod::ClientSecretBasic, Some(true), None)
        | (AuthenticationMethod::ClientSecretPost, None, Some(true)) => Ok(()),
        (_, Some(true), Some(true)) => match (registered, client.metadata.secret_repetition) {
            (AuthenticationMethod::ClientSecretBasic, SecretRepetition::Tolerated) => Ok(()),
            _ => Err(ClientAuthenticationError::SeveralMethods { registered }),
        },
        (_, Some(true), None) => {
            Err(ClientAuthenticationError::Method { registered, used: AuthenticationMethod::ClientSecretBasic })
        }
        (_, None, Some(true)) => {
            Err(ClientAuthenticationError::Method { registered, used: AuthenticationMethod::ClientSecretPost })
        }
        (_, Some(false), _) | (_, _, Some(false)) | (_, None, None) => Err(ClientAuthenticationError::Refused),
    }
}

fn equal(live: &SecretDigest, presented: &SecretDigest) -> bool {
    verify_slices_are_equal(&live.0, &presented.0).is_ok()
}
