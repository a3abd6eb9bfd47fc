//! A web app that logs people in with `openidconnect`. It knows the issuer, its client and its secret; everything else is
//! in the issuer's discovery document.

use std::collections::HashMap;
use std::error::Error;

use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::url::Url;
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IssuerUrl, JsonWebKey, LogoutRequest, Nonce, NonceVerifier, OAuth2TokenResponse,
    PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, Scope,
    SignatureVerificationError, TokenResponse,
};
use ureq::Agent;

use crate::person::Person;

const REDIRECT_URI: &str = "http://localhost:8080/callback";
const HOME: &str = "http://localhost:8080/";
const SCOPES: [&str; 3] = ["profile", "email", "offline_access"];

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

pub struct App {
    issuer: String,
    client_id: String,
    client_secret: String,
    http: Agent,
    client: Client,
    provider: ProviderMetadataWithLogout,
}

/// What the app has of a person who is logged in.
pub struct Login {
    pub tokens: CoreTokenResponse,
    pub claims: CoreIdTokenClaims,
    pub algorithm: CoreJwsSigningAlgorithm,
    pub kid: String,
}

impl App {
    pub fn discover(issuer: &str, client_id: &str, client_secret: &str) -> Result<Self, Box<dyn Error>> {
        // An app's own requests follow no redirects.
        let http = ureq::AgentBuilder::new().redirects(0).build();
        let provider = ProviderMetadataWithLogout::discover(&IssuerUrl::new(issuer.to_owned())?, &http)?;
        let id = ClientId::new(client_id.to_owned());
        let secret = ClientSecret::new(client_secret.to_owned());
        let client = CoreClient::from_provider_metadata(provider.clone(), id, Some(secret))
            .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned())?);
        let (issuer, client_id, client_secret) = (issuer.to_owned(), client_id.to_owned(), client_secret.to_owned());
        Ok(Self { issuer, client_id, client_secret, http, client, provider })
    }

    /// Sends a browser to the issuer, and redeems the code that it comes back with.
    pub fn log_in(&mut self, browser: &Person) -> Result<Login, Box<dyn Error>> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let (address, state, nonce) = self
            .client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let answer = parameters(&browser.follow(&address, REDIRECT_URI)?);
        if answer.get("state") != Some(state.secret()) || answer.get("iss") != Some(&self.issuer) {
            return Err(format!("state or iss is not as it should be: {answer:?}").into());
        }
        let code = AuthorizationCode::new(answer.get("code").ok_or("no code")?.clone());
        let tokens = self.client.exchange_code(code)?.set_pkce_verifier(verifier).request(&self.http)?;
        self.verified(tokens, &nonce)
    }

    /// Whether a browser has a session with the issuer, which shows no page for this.
    pub fn is_logged_in(&self, browser: &Person) -> Result<bool, Box<dyn Error>> {
        let (challenge, _) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let (address, ..) = self
            .client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_prompt(CoreAuthPrompt::None)
            .set_pkce_challenge(challenge)
            .url();
        match parameters(&browser.follow(&address, REDIRECT_URI)?).get("error").map(String::as_str) {
            None => Ok(true),
            Some("login_required") => Ok(false),
            Some(error) => Err(error.into()),
        }
    }

    /// Redeems the refresh token. The new ID token has no nonce, for no browser was asked.
    pub fn refresh(&mut self, login: &Login) -> Result<Login, Box<dyn Error>> {
        let token = login.tokens.refresh_token().ok_or("no refresh token")?;
        let tokens = self.client.exchange_refresh_token(token)?.request(&self.http)?;
        self.verified(tokens, |nonce: Option<&Nonce>| match nonce {
            None => Ok(()),
            Some(_) => Err("a nonce, and no request had one".to_owned()),
        })
    }

    /// What the issuer knows of the person, who is still the one of the ID token.
    pub fn userinfo(&self, login: &Login) -> Result<CoreUserInfoClaims, Box<dyn Error>> {
        let subject = login.claims.subject().clone();
        let request = self.client.user_info(login.tokens.access_token().clone(), Some(subject))?;
        Ok(request.request(&self.http)?)
    }

    /// Ends a browser's session with the issuer, and comes back to the app.
    pub fn log_out(&self, browser: &Person, login: &Login) -> Result<(), Box<dyn Error>> {
        let end_session = self.provider.additional_metadata().end_session_endpoint.clone();
        let state = CsrfToken::new_random();
        let address = LogoutRequest::from(end_session.ok_or("no end_session_endpoint")?)
            .set_id_token_hint(id_token(&login.tokens)?)
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(HOME.to_owned())?)
            .set_state(state.clone())
            .http_get_url();
        let back = parameters(&browser.follow(&address, HOME)?);
        if back.get("state") == Some(state.secret()) { Ok(()) } else { Err("not the state of the request".into()) }
    }

    /// The ID token of a token response, verified. The crate reads the issuer's keys once: where one is unknown, they are
    /// read anew.
    fn verified<N: NonceVerifier + Clone>(
        &mut self,
        tokens: CoreTokenResponse,
        nonce: N,
    ) -> Result<Login, Box<dyn Error>> {
        let id_token = id_token(&tokens)?;
        let unknown = ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
        if id_token.claims(&self.client.id_token_verifier(), nonce.clone()).err() == Some(unknown) {
            *self = Self::discover(&self.issuer, &self.client_id, &self.client_secret)?;
        }
        let verifier = self.client.id_token_verifier();
        let claims = id_token.claims(&verifier, nonce)?.clone();
        let (algorithm, key) = (id_token.signing_alg()?, id_token.signing_key(&verifier)?);
        let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)?;
        if claims.access_token_hash() != Some(&hash) {
            return Err("at_hash is not that of the access token".into());
        }
        let kid = key.key_id().ok_or("a key without kid")?.to_string();
        let algorithm = algorithm.clone();
        Ok(Login { claims, algorithm, kid, tokens })
    }
}

fn id_token(tokens: &CoreTokenResponse) -> Result<&CoreIdToken, Box<dyn Error>> {
    Ok(tokens.id_token().ok_or("no ID token")?)
}

fn parameters(address: &Url) -> HashMap<String, String> {
    address.query_pairs().into_owned().collect()
}
