//! Client authentication at the token, revocation and introspection endpoints.

use std::sync::Arc;

use kimbai_core::client::{Client, ClientCredentials, PresentedSecrets, authenticate};
use kimbai_core::time::Micros;
use kimbai_core::token::TokenRefusal;

use crate::realm::Realm;

/// The client that a request comes from, proven.
pub(crate) fn authenticated(
    realm: &Realm,
    credentials: &ClientCredentials,
    now: Micros,
) -> Result<Arc<Client>, TokenRefusal> {
    let client_id = credentials.client_id().map_err(TokenRefusal::Client)?;
    let client = realm.client(client_id);
    // Digested whether or not the client exists: an unknown one costs the same.
    let presented = PresentedSecrets {
        basic: credentials.basic.as_ref().map(|basic| realm.keyring.secret_digest(&basic.client_secret)),
        body: credentials.client_secret.as_ref().map(|secret| realm.keyring.secret_digest(secret)),
    };
    authenticate(client.as_deref(), &presented, now.as_unix_s()).map_err(TokenRefusal::Client)?;
    client.ok_or(TokenRefusal::Client(kimbai_core::client::ClientAuthenticationError::Refused))
}
