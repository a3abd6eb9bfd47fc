//! Client authentication: exactly the registered method, once (RFC 6749 section 2.3).
//!
//! An unknown client, a wrong secret and a disabled client cannot be told apart. Only who has shown the right secret is told that
//! the method is wrong.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::request_signature::{SignatureFault, SignedRequest};
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
    /// A signature in the place of a secret.
    pub signed: Option<Box<SignedRequest>>,
}

/// A decoded `Authorization: Basic` header.
#[derive(Debug, Clone)]
pub struct BasicCredentials {
    /// The user-id half.
    pub client_id: String,
    /// The password half.
    pub client_secret: Secret,
}

/// The presented secrets under the keyring's key, and what was found of a signature.
#[derive(Debug, Clone, Copy, Default)]
pub struct PresentedSecrets {
    /// The header's.
    pub basic: Option<SecretDigest>,
    /// The body's.
    pub body: Option<SecretDigest>,
    /// Whether the request's signature is one of the client's.
    pub signature: Option<Result<(), SignatureFault>>,
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
    /// The client is known, and the signature does not prove that it is the client's.
    #[error("{0}")]
    Signature(SignatureFault),
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
        let basic = self.basic.as_ref().map(|basic| basic.client_id.as_str());
        let signed = self.signed.as_ref().map(|signed| signed.input.client_id.as_str());
        let mut named = [basic, self.client_id.as_deref(), signed].into_iter().flatten();
        let client_id = named.next().ok_or(ClientAuthenticationError::Missing)?;
        if named.all(|other| other == client_id) { Ok(client_id) } else { Err(ClientAuthenticationError::TwoClients) }
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
        Some(client) => has_secret(client, digest, now_s),
        None => equal(&SecretDigest([0; 32]), digest) & false,
    };
    let basic = presented.basic.as_ref().map(is_right);
    let body = presented.body.as_ref().map(is_right);
    let Some(client) = client.filter(|client| client.standing.active) else {
        return Err(ClientAuthenticationError::Refused);
    };
    let registered = client.metadata.token_endpoint_auth_method;
    let method = |used| Err(ClientAuthenticationError::Method { registered, used });
    match (registered, basic, body, presented.signature) {
        (AuthenticationMethod::None, None, None, None)
        | (AuthenticationMethod::ClientSecretBasic, Some(true), None, None)
        | (AuthenticationMethod::ClientSecretPost, None, Some(true), None)
        | (AuthenticationMethod::RequestSignature, None, None, Some(Ok(()))) => Ok(()),
        (_, Some(true), Some(true), None) => match (registered, client.metadata.secret_repetition) {
            (AuthenticationMethod::ClientSecretBasic, SecretRepetition::Tolerated) => Ok(()),
            _ => Err(ClientAuthenticationError::SeveralMethods { registered }),
        },
        (_, Some(true), None, None) => method(AuthenticationMethod::ClientSecretBasic),
        (_, None, Some(true), None) => method(AuthenticationMethod::ClientSecretPost),
        (_, None, None, Some(Ok(()))) => method(AuthenticationMethod::RequestSignature),
        (_, None, None, Some(Err(fault))) => Err(ClientAuthenticationError::Signature(fault)),
        (_, None, None, None) | (_, Some(_), _, _) | (_, _, Some(_), _) => Err(ClientAuthenticationError::Refused),
    }
}

/// Whether what a partner's log-in says of its client is right at this second since 1970: both are compared, whatever the first is.
/// That the request is the partner's, its envelope says.
#[must_use]
pub fn proves_partner(partner: &Client, (client_id, secret): (&str, &SecretDigest), now_s: u32) -> bool {
    let is_named = verify_slices_are_equal(partner.client_id.as_bytes(), client_id.as_bytes()).is_ok();
    is_named & has_secret(partner, secret, now_s) & partner.standing.active
}

fn has_secret(client: &Client, digest: &SecretDigest, now_s: u32) -> bool {
    client.metadata.secrets.iter().fold(false, |right, secret| {
        // Compared also when it has ended, so that it takes as long.
        (equal(&secret.digest, digest) & secret.is_live(now_s)) | right
    })
}

fn equal(live: &SecretDigest, presented: &SecretDigest) -> bool {
    verify_slices_are_equal(&live.0, &presented.0).is_ok()
}
