//! The standard dialect: OAuth 2.1 as its RFCs spell it. Other platforms are this dialect with other data.
//!
//! Decides nothing: parse, ask the engine, render. Sources: RFC 6749, 7009, 7662, 7517, 8414, 9207.

pub mod demo;
pub(crate) mod error;
mod metadata;
pub(crate) mod request;
pub(crate) mod response;
#[cfg(test)]
pub(crate) mod tests;
mod userinfo;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use kimbai_core::authorize::ResponseType;
use kimbai_core::client::ClientCredentials;
use kimbai_core::realm::{
    AuthorizationResponseForm, BearerHeader, ConsentForm, EndpointPaths, ErrorForm, IdTokenClaims,
    IntrospectionListener, Lifetimes, PkcePolicy, RateLimits, RealmSettings, RequestSignatures, TokenShape,
    TokenTypeSpelling,
};
use kimbai_core::scope::ScopeDefinition;
use kimbai_core::signing::SigningSettings;
use kimbai_core::token::{Inactive, Note, TokenRefusal};
use kimbai_engine::{Introspection, TokenError};

use self::error::EndpointError;
pub(crate) use self::metadata::{MetadataCache, endpoint_url};
pub(crate) use self::userinfo::bearer;
use super::{FaultForm, Routes};
use crate::http::cached::Document;
use crate::http::reply::HttpFault;
use crate::http::{cached, cors, reply};
use crate::metrics::Endpoint;
use crate::site::Call;

/// The dialect's name in a realm's settings.
pub const NAME: &str = "standard";

/// What a document allows.
const READ_ONLY: &str = "GET, HEAD, OPTIONS";
/// What an endpoint that takes a form allows.
const POST_ONLY: &str = "POST, OPTIONS";

/// The settings of a realm that speaks this dialect, with the defaults.
#[must_use]
pub fn settings(display_name: &str, issuer: &str, scopes: Vec<ScopeDefinition>) -> RealmSettings {
    RealmSettings {
        display_name: display_name.to_owned(),
        issuer: issuer.to_owned(),
        further_hosts: Vec::new(),
        dialect: NAME.to_owned(),
        paths: EndpointPaths {
            authorize: "/authorize".to_owned(),
            token: "/token".to_owned(),
            revoke: "/revoke".to_owned(),
            introspect: "/introspect".to_owned(),
            platform: BTreeMap::new(),
            userinfo: Some("/userinfo".to_owned()),
            end_session: Some("/logout".to_owned()),
            jwks: Some("/jwks".to_owned()),
        },
        scopes,
        offline_scope: "offline_access".to_owned(),
        lifetimes: Lifetimes {
            code_s: 60,
            access_token_s: 3_600,
            refresh_idle_s: Some(30 * 86_400),
            refresh_absolute_s: 365 * 86_400,
            retry_confidential_s: 86_400,
            retry_public_s: 30,
            session_idle_s: 8 * 3_600,
            session_absolute_s: 7 * 86_400,
        },
        state_length_min: 0,
        pkce: PkcePolicy::Required,
        token_type: TokenTypeSpelling::Capitalised,
        error_form: ErrorForm::Standard,
        token_shape: TokenShape::Whole,
        consent_form: ConsentForm::Partial,
        introspection: IntrospectionListener::Public,
        bearer_header: BearerHeader::Authorization,
        // A partner's server that refreshes for 100,000 sellers an hour asks 1,700 times a minute; when it starts anew, as fast as it
        // can. With these it has all of them in two minutes, and yet takes only a part of what one core answers. Guessing is
        // limited elsewhere, by failures.
        rate_limits: NonZeroU32::new(60_000)
            .map(|per_minute| RateLimits { source_per_minute: per_minute, client_per_minute: per_minute }),
        request_signatures: RequestSignatures::Refused,
        signing: SigningSettings::default(),
        response_types: vec![ResponseType::Code],
        audiences: Vec::new(),
        host_suffix: None,
        exchange: None,
        membership: None,
        service: None,
        id_token_claims: IdTokenClaims::Requested,
        authorization_response: AuthorizationResponseForm::Standard,
    }
}

/// The scopes of an OpenID provider (OpenID Connect Core sections 3.1.2.1 and 5.4), in the order of a new realm.
#[must_use]
pub(crate) fn openid_scopes() -> [ScopeDefinition; 5] {
    [
        ScopeDefinition::new("openid", "Biết bạn là ai", "Know who you are"),
        ScopeDefinition::new("profile", "Xem tên và hồ sơ của bạn", "See your name and profile"),
        ScopeDefinition::new("email", "Xem địa chỉ thư điện tử của bạn", "See your mail address"),
        ScopeDefinition::new("phone", "Xem số điện thoại của bạn", "See your phone number"),
        ScopeDefinition::new("address", "Xem địa chỉ của bạn", "See your postal address"),
    ]
}

/// The endpoints of a realm, where its settings put them.
pub(crate) fn routes(settings: &RealmSettings) -> Routes {
    let paths = &settings.paths;
    let routes = Routes::new(FaultForm::STANDARD)
        .endpoint(&paths.token, Endpoint::Token, token)
        .endpoint(&paths.revoke, Endpoint::Revoke, revoke)
        .endpoint(&metadata::path(&settings.issuer), Endpoint::Metadata, metadata_document);
    let mut routes = match settings.introspection {
        IntrospectionListener::Public => routes.endpoint(&paths.introspect, Endpoint::Introspect, introspect),
        IntrospectionListener::Operator => routes,
    };
    if let Some(path) = &paths.jwks {
        routes = routes.endpoint(path, Endpoint::Metadata, jwk_set);
        routes = routes.endpoint(&metadata::openid_path(&settings.issuer), Endpoint::Metadata, openid_configuration);
    }
    match &paths.userinfo {
        Some(path) => routes.endpoint(path, Endpoint::Resource, userinfo::userinfo),
        None => routes,
    }
}

/// What the operator's listener answers for a realm, whatever the public one does.
pub(crate) fn operator_routes(settings: &RealmSettings) -> Routes {
    Routes::new(FaultForm::STANDARD).endpoint(&settings.paths.introspect, Endpoint::Introspect, introspect)
}

/// Token endpoint (RFC 6749 section 3.2).
async fn token(call: Call, body: Body) -> Response {
    if call.method == Method::OPTIONS {
        return cors::preflight(&call.headers, &call.realm, POST_ONLY);
    }
    let request = match request::token(&call, body).await {
        Ok(request) => request,
        Err(error) => return error::endpoint(&call, &error),
    };
    let answer = call.site.engine.token(&call.realm, &request, call.source).await;
    let proof = Proof::of(answer.as_ref().err());
    let response = match answer {
        Ok(tokens) => {
            if tokens.note == Some(Note::Retried) {
                call.site.metrics.count_retry();
            }
            response::token(&call.realm, &tokens)
        }
        Err(error) => error::endpoint(&call, &error.into()),
    };
    for_client(response, &call, (&request.credentials, proof))
}

/// Revocation endpoint (RFC 7009 section 2).
async fn revoke(call: Call, body: Body) -> Response {
    if call.method == Method::OPTIONS {
        return cors::preflight(&call.headers, &call.realm, POST_ONLY);
    }
    let (credentials, token) = match request::revocation(&call, body).await {
        Ok(request) => request,
        Err(error) => return error::endpoint(&call, &error),
    };
    let answer = call.site.engine.revoke(&call.realm, &credentials, &token, call.source).await;
    let proof = Proof::of(answer.as_ref().err());
    let response = match answer {
        Ok(()) => reply::empty(StatusCode::OK),
        Err(error) => error::endpoint(&call, &error.into()),
    };
    for_client(response, &call, (&credentials, proof))
}

/// Introspection endpoint (RFC 7662 section 2); for servers, so that it has no CORS.
async fn introspect(call: Call, body: Body) -> Response {
    let (credentials, token) = match request::introspection(&call, body).await {
        Ok(request) => request,
        Err(error) => return error::endpoint(&call, &error),
    };
    match call.site.engine.introspect(&call.realm, &credentials, &token).await {
        Ok(introspection) => {
            if let Introspection::Inactive(Inactive::Refused(refusal)) = introspection {
                call.site.metrics.count_grant_refusal(refusal);
            }
            response::introspection(&call.realm, &introspection)
        }
        Err(error) => error::endpoint(&call, &error.into()),
    }
}

/// What an OpenID provider says of itself; another realm has no such document.
async fn openid_configuration(call: Call) -> Response {
    if call.realm.openid.is_empty() {
        return error::endpoint(&call, &EndpointError::Http(HttpFault::NotFound));
    }
    metadata_document(call).await
}

/// Authorization server metadata (RFC 8414 section 3, OpenID Connect Discovery section 4).
async fn metadata_document(call: Call) -> Response {
    match call.method {
        Method::GET | Method::HEAD => {
            let made = call.site.metadata.of(&call.realm);
            let (json, etag) = (made.json.clone(), made.etag.as_str());
            let document = Document { json, etag, max_age_s: metadata::MAX_AGE_S };
            cors::allow_any_client(cached::document(&call.headers, document), &call.headers, &call.realm)
        }
        Method::OPTIONS => cors::preflight(&call.headers, &call.realm, READ_ONLY),
        _ => error::endpoint(&call, &EndpointError::Http(HttpFault::Method(READ_ONLY))),
    }
}

/// The JWK Set (RFC 7517 section 5).
async fn jwk_set(call: Call) -> Response {
    match call.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return cors::preflight(&call.headers, &call.realm, READ_ONLY),
        _ => return error::endpoint(&call, &EndpointError::Http(HttpFault::Method(READ_ONLY))),
    }
    let set = match call.site.engine.jwk_set(&call.realm).await {
        Ok(set) => set,
        Err(failure) => return error::failed(&failure, call.realm.settings.error_form),
    };
    let max_age_s = call.realm.settings.signing.jwks_max_age_s;
    let document = Document { json: set.json.clone(), etag: &set.etag, max_age_s };
    cors::allow_any_client(cached::document(&call.headers, document), &call.headers, &call.realm)
}

/// Whether a client has shown that it is who it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Given,
    Missing,
}

impl Proof {
    fn of(error: Option<&TokenError>) -> Self {
        match error {
            Some(TokenError::Refused(TokenRefusal::Client(_))) => Self::Missing,
            Some(_) | None => Self::Given,
        }
    }
}

fn for_client(response: Response, call: &Call, (credentials, proof): (&ClientCredentials, Proof)) -> Response {
    // Who did not prove to be a client must not learn from an origin whether there is one.
    let client_id = credentials.client_id().ok().filter(|_| proof == Proof::Given);
    let client = client_id.and_then(|client_id| call.realm.client(client_id));
    cors::allow_client(response, &call.headers, client.as_deref())
}
