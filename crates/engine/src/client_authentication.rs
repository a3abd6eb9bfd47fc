//! Client authentication at the token, revocation and introspection endpoints.

use std::sync::Arc;

use kimbai_core::client::{Client, ClientAuthenticationError, ClientCredentials, PresentedSecrets, authenticate};
use kimbai_core::request_signature::{Mistake, SignedRequest, masked_whole, recognise};
use kimbai_core::time::Micros;
use kimbai_core::token::TokenRefusal;
use kimbai_keyring::random_array;
use zeroize::Zeroizing;

use crate::engine::Engine;
use crate::realm::Realm;

/// The client that a request comes from, proven.
pub(crate) fn authenticated(
    realm: &Realm,
    credentials: &ClientCredentials,
    now: Micros,
) -> Result<Arc<Client>, TokenRefusal> {
    let client_id = credentials.client_id().map_err(TokenRefusal::Client)?;
    let client = realm.client(client_id);
    // Digested and checked whether or not the client exists: an unknown one costs the same.
    let check = |signed: &SignedRequest| {
        let secrets = signing_secrets(realm, client.as_deref(), now);
        let time_ms = realm.signing_time_ms(now, signed.input.timestamp_ms);
        signed.check(&secrets, realm.settings.request_signatures, time_ms)
    };
    let presented = PresentedSecrets {
        basic: credentials.basic.as_ref().map(|basic| realm.keyring.secret_digest(&basic.client_secret)),
        body: credentials.client_secret.as_ref().map(|secret| realm.keyring.secret_digest(secret)),
        signature: credentials.signed.as_deref().map(check),
    };
    authenticate(client.as_deref(), &presented, now.as_unix_s()).map_err(TokenRefusal::Client)?;
    client.ok_or(TokenRefusal::Client(ClientAuthenticationError::Refused))
}

/// A client has at most two live secrets.
const SECRETS_MAX: usize = 2;

/// The live secrets that a client signs with, and the decoy in the place of those that it does not have.
fn signing_secrets(realm: &Realm, client: Option<&Client>, now: Micros) -> [Zeroizing<Vec<u8>>; SECRETS_MAX] {
    let registered = client.map(|client| client.metadata.secrets.as_slice()).unwrap_or_default();
    let mut sealed =
        registered.iter().filter(|secret| secret.is_live(now.as_unix_s())).filter_map(|s| s.sealed.as_ref());
    std::array::from_fn(|_| {
        let opened = realm.keyring.open_secret(sealed.next().unwrap_or(&realm.decoy));
        opened.unwrap_or_else(|| {
            tracing::error!(realm = realm.name, "a client's sealed secret cannot be opened");
            // One that nobody knows.
            Zeroizing::new(random_array::<32>().to_vec())
        })
    })
}

/// Why a signature did not fit, for the one who wrote the client; what is secret in it is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureExplanation {
    /// The string that the server expected to be signed.
    pub expected: String,
    /// The usual mistake that made the signature, and the string that was signed by it.
    pub recognised: Option<(Mistake, String)>,
}

impl Engine {
    /// Explains a signature that was refused. For the log and the sandbox, never for the caller; an unknown client costs as much as
    /// a known one.
    #[must_use]
    pub fn explain_signature(&self, realm: &Realm, signed: &SignedRequest) -> SignatureExplanation {
        let client = realm.client(&signed.input.client_id);
        let secrets = signing_secrets(realm, client.as_deref(), self.now());
        let recognised = recognise(signed, &secrets);
        // What is no client's id may be a secret in the wrong place.
        let shown = |canonical: &[u8]| match &client {
            Some(_) => signed.input.masked(canonical),
            None => masked_whole(canonical),
        };
        let expected = shown(&signed.input.canonical());
        SignatureExplanation { expected, recognised: recognised.map(|found| (found.mistake, shown(&found.canonical))) }
    }
}
