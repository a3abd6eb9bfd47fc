//! What a client may know of a user who is behind an access token (OpenID Connect Core section 5.3).

use std::sync::Arc;

use kimbai_core::claims::{ClaimSet, UserClaims};
use kimbai_core::client::Client;
use kimbai_core::number::{OrganizationNumber, UserNumber};
use kimbai_core::secret::Secret;
use kimbai_core::token::Inactive;
use kimbai_keyring::{JwtKind, SignedJwt};
use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::introspect::Introspection;
use crate::realm::Realm;

/// What is answered to whoever asks with an access token.
#[derive(Debug)]
pub enum UserInfo {
    /// The claims, for the client that the token was issued to.
    Claims(Arc<Client>, UserInfoForm),
    /// The token was not issued for this: it has no user, or no scope `openid`.
    InsufficientScope,
    /// The token does not work.
    Inactive(Inactive),
}

/// In the form that the client is registered for (OpenID Connect Registration section 2).
#[derive(Debug)]
pub enum UserInfoForm {
    /// JSON.
    Plain(Map<String, Value>),
    /// A JWT.
    Signed(SignedJwt),
}

impl Engine {
    /// The name that a user logs in with; none if there is no such user.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn username(&self, realm: &Realm, user: UserNumber) -> Result<Option<String>, EngineError> {
        Ok(self.store.user(realm.number, user).await?.map(|row| row.username))
    }

    /// Answers a request at the `UserInfo` endpoint.
    ///
    /// # Errors
    /// [`EngineError`]: the store failed.
    pub async fn userinfo(&self, realm: &Realm, token: &Secret) -> Result<UserInfo, EngineError> {
        let (facts, known) = match self.verify_users_access_token(realm, token).await? {
            (Introspection::Active(facts), known) => (facts, known),
            (Introspection::Inactive(inactive), _) => return Ok(UserInfo::Inactive(inactive)),
        };
        let Some(user) = facts.user.filter(|_| realm.is_openid(facts.scope)) else {
            return Ok(UserInfo::InsufficientScope);
        };
        let known = known.ok_or_else(|| EngineError::Stored(format!("user {} is gone", user.0)))?;
        let wanted = ClaimSet::of_scopes(facts.scope, &realm.scopes).union(facts.requested);
        let mut claims = UserClaims::parse(&known)?.select(wanted);
        if facts.organization != OrganizationNumber::NONE && realm.organizations.gives_claims(facts.scope) {
            let place = match facts.place {
                // A service goes on without who allowed it: then nothing is said.
                None => self.membership(realm, user, facts.organization).await?.map(Box::new),
                read => read,
            };
            claims.extend(place.map(|place| realm.organizations.claims_of(&place)).unwrap_or_default());
        }
        claims.insert("sub".to_owned(), Value::from(&*facts.subject));
        let form = match facts.client.metadata.userinfo_signed_response_alg {
            None => UserInfoForm::Plain(claims),
            Some(algorithm) => {
                let signer = self.signer(realm, algorithm).await?;
                claims.insert("iss".to_owned(), Value::from(realm.settings.issuer.as_str()));
                claims.insert("aud".to_owned(), Value::from(facts.client.client_id.as_str()));
                let json = Value::Object(claims).to_string();
                let jwt = signer.sign(JwtKind::UserInfo, json.as_bytes());
                UserInfoForm::Signed(jwt.map_err(|error| EngineError::Stored(error.to_string()))?)
            }
        };
        Ok(UserInfo::Claims(facts.client, form))
    }
}
