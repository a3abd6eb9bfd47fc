//! `GET /user-management/user-info`: the platform's own profile, in an envelope of `data` and `meta`. It is not the `UserInfo` endpoint
//! of OpenID Connect, which the platform has beside it.
//!
//! Source: the platform's page "Profile endpoint". It says nothing of errors; these are in the manner of its other interfaces, whose
//! `meta.code` is the status and four digits. What is not known of a person, or not in the token's scope, is left out.

use axum::response::Response;
use http::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use kimbai_core::identity::{IdentityDocument, IdentityDocumentKind, RegisteredAddress};
use kimbai_core::realm::{BearerHeader, ErrorForm};
use kimbai_core::secret::Secret;
use kimbai_engine::{EngineError, Introspection, TokenFacts, UserClaims};
use serde::Serialize;

use crate::dialects::standard::bearer;
use crate::explanation;
use crate::http::reply::{self, HttpFault};
use crate::http::{cors, front};
use crate::site::Call;

const METHODS: &str = "GET, HEAD, OPTIONS";
const AUTHORIZATION: HeaderName = http::header::AUTHORIZATION;
/// As the platform's document misspells it.
const AUTHENTICATION: HeaderName = HeaderName::from_static("authentication");

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
    meta: Meta,
}

#[derive(Serialize)]
struct Meta {
    code: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dob: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nationality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_documents: Option<Vec<Document<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Option<&'a [RegisteredAddress]>,
}

#[derive(Serialize)]
struct Document<'a> {
    identity_number: &'a str,
    identity_type: IdentityDocumentKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    issue_place: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issue_date: Option<&'a str>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy)]
enum Refused {
    /// A token in two headers, or a header twice.
    Malformed,
    /// No token.
    Missing,
    /// It does not work.
    Token,
    /// It speaks for no person.
    NoPerson,
}

/// The person behind the presented token.
pub(super) async fn user_info(call: Call) -> Response {
    match call.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return preflight(&call),
        _ => return fault(HttpFault::Method(METHODS), call.realm.settings.error_form),
    }
    let token = match token(&call) {
        Ok(token) => token,
        Err(refused) => return refuse(&call, refused, None),
    };
    let engine = &call.site.engine;
    let facts = match engine.verify_access_token(&call.realm, &token).await {
        Ok(Introspection::Active(facts)) => facts,
        Ok(Introspection::Inactive(inactive)) => {
            return refuse(&call, Refused::Token, Some(explanation::inactive(inactive)));
        }
        Err(failure) => return failed(&call, &failure),
    };
    let Some(user) = facts.user else { return refuse(&call, Refused::NoPerson, None) };
    match engine.user_claims(&call.realm, user).await {
        Ok(claims) => {
            let data = Some(data(&call, &facts, &claims));
            let response = render(StatusCode::OK, &Envelope { data, meta: Meta { code: 200, message: None } });
            cors::allow_client(response, &call.headers, Some(&facts.client))
        }
        Err(failure) => failed(&call, &failure),
    }
}

fn token(call: &Call) -> Result<Secret, Refused> {
    let read = |name: &HeaderName| bearer(&call.headers, name).map_err(|_| Refused::Malformed);
    let misspelt = match call.realm.settings.bearer_header {
        BearerHeader::Authorization => None,
        BearerHeader::AuthenticationToo => read(&AUTHENTICATION)?,
    };
    match (read(&AUTHORIZATION)?, misspelt) {
        (Some(_), Some(_)) => Err(Refused::Malformed),
        // Whoever stands before us has looked at the header that is spelt right.
        (None, Some(_)) if call.headers.contains_key(AUTHORIZATION) => Err(Refused::Malformed),
        (Some(token), None) | (None, Some(token)) => Ok(token),
        (None, None) => Err(Refused::Missing),
    }
}

/// What the token's scope gives of what is known.
fn data<'a>(call: &Call, facts: &TokenFacts, known: &'a UserClaims) -> Data<'a> {
    let has = |name: &str| call.realm.scopes.parse(name).is_ok_and(|scope| facts.scope.contains(scope));
    let (claims, identity) = (&known.claims, &known.identity);
    let mut data = Data::default();
    if has("profile") {
        data.full_name = Some(&known.name);
        data.dob = claims.birthdate.as_deref();
        data.gender = claims.gender.as_deref().map(gender);
        data.nationality = identity.nationality.as_deref();
    }
    if has("email") {
        data.email = known.email.as_deref();
    }
    if has("phone") {
        data.phone_number = claims.phone_number.as_deref();
    }
    if has("address") {
        data.addresses = identity.addresses.as_deref();
    }
    if has("identity") {
        data.identity_documents = identity.documents.as_ref().map(|all| all.iter().map(document).collect());
    }
    data
}

/// ISO/IEC 5218: the platform does not say what its numbers mean.
fn gender(word: &str) -> u8 {
    match word {
        "male" => 1,
        "female" => 2,
        _ => 0,
    }
}

fn document(document: &IdentityDocument) -> Document<'_> {
    Document {
        identity_number: &document.number,
        identity_type: document.kind,
        issue_place: document.issue_place.as_deref(),
        issue_date: document.issue_date.as_deref(),
    }
}

fn preflight(call: &Call) -> Response {
    let mut response = cors::preflight(&call.headers, &call.realm, METHODS);
    if call.realm.settings.bearer_header == BearerHeader::AuthenticationToo
        && response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
    {
        let headers = HeaderValue::from_static("authorization, authentication, content-type");
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    response
}

fn refuse(call: &Call, refused: Refused, reason: Option<front::Reason>) -> Response {
    let (status, message, error) = match refused {
        Refused::Malformed => (StatusCode::BAD_REQUEST, "Send one access token, in one header.", "invalid_request"),
        Refused::Missing => (StatusCode::UNAUTHORIZED, "Send an access token.", ""),
        Refused::Token => (StatusCode::UNAUTHORIZED, "The access token does not work.", "invalid_token"),
        Refused::NoPerson => (StatusCode::FORBIDDEN, "The access token is no person's.", "insufficient_scope"),
    };
    let challenge = format!("Bearer realm=\"{}\"", call.realm.name);
    let challenge = if error.is_empty() { challenge } else { format!("{challenge}, error=\"{error}\"") };
    let mut response = render(status, &in_meta(status, message));
    let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    if let Some(reason) = reason {
        response.extensions_mut().insert(reason);
    }
    cors::expose_challenge(cors::allow_any_client(response, &call.headers, &call.realm))
}

/// What is wrong with a request before it is looked at; the realm's form of errors is that of the protocol's endpoints.
pub(super) fn fault(fault: HttpFault, _form: ErrorForm) -> Response {
    let status = fault.status();
    let mut response = fault.with_header(render(status, &in_meta(status, "The request cannot be read.")));
    response.extensions_mut().insert(explanation::fault(fault));
    response
}

fn failed(call: &Call, failure: &EngineError) -> Response {
    tracing::warn!(error = failure as &dyn std::error::Error, "a profile cannot be given");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = render(status, &in_meta(status, "The server cannot answer now; ask again."));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    cors::allow_any_client(response, &call.headers, &call.realm)
}

/// The status and `0001`, as the platform's other interfaces have it; what is our fault is 5000001.
fn in_meta(status: StatusCode, message: &'static str) -> Envelope<'static> {
    let status = if status.is_server_error() { StatusCode::INTERNAL_SERVER_ERROR } else { status };
    Envelope { data: None, meta: Meta { code: u32::from(status.as_u16()) * 10_000 + 1, message: Some(message) } }
}

fn render(status: StatusCode, envelope: &Envelope<'_>) -> Response {
    // Strings and numbers are always written.
    reply::json(status, serde_json::to_string(envelope).unwrap_or_default())
}
