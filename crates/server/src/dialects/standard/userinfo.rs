//! The `UserInfo` endpoint (OpenID Connect Core section 5.3): a resource that is opened with a Bearer token (RFC 6750).

use axum::body::Body;
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use kimbai_core::secret::Secret;
use kimbai_core::token::RequestFault;
use kimbai_engine::{UserInfo, UserInfoForm};

use super::error::{self, EndpointError};
use super::request::{FormKinds, read_form};
use crate::explanation;
use crate::http::reply::{self, HttpFault};
use crate::http::{cors, front};
use crate::site::Call;

const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// Why a request opens nothing (RFC 6750 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BearerError {
    /// No token at all: the challenge says no more.
    Missing,
    /// A token in two places, or a malformed one.
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
}

/// Answers with the claims that the token's scope gives.
pub(super) async fn userinfo(call: Call, body: Body) -> Response {
    if call.method == Method::OPTIONS {
        return cors::preflight(&call.headers, &call.realm, METHODS);
    }
    let token = match read(&call, body).await {
        Ok(Ok(token)) => token,
        Ok(Err(refused)) => return refuse(&call, refused),
        Err(error) => return error::endpoint(&call, &error),
    };
    match call.site.engine.userinfo(&call.realm, &token).await {
        Ok(UserInfo::Claims(client, form)) => cors::allow_client(answer(form), &call.headers, Some(&client)),
        Ok(UserInfo::InsufficientScope) => refuse(&call, BearerError::InsufficientScope),
        Ok(UserInfo::Inactive(inactive)) => {
            let mut response = refuse(&call, BearerError::InvalidToken);
            response.extensions_mut().insert::<front::Reason>(explanation::inactive(inactive));
            response
        }
        Err(failure) => error::failed(&failure, call.realm.settings.error_form),
    }
}

/// The token: in the one `Authorization` header, or in the body of a POST (RFC 6750 sections 2.1, 2.2), and in one place only.
async fn read(call: &Call, body: Body) -> Result<Result<Secret, BearerError>, EndpointError> {
    let mut in_body = match call.method {
        Method::GET | Method::HEAD => None,
        Method::POST => read_form(&call.headers, body, FormKinds::Urlencoded).await?.take("access_token")?,
        _ => return Err(HttpFault::Method(METHODS).into()),
    };
    Ok(match (bearer(&call.headers, &AUTHORIZATION), in_body.take()) {
        (Ok(Some(_)), Some(_)) | (Err(_), _) => Err(BearerError::InvalidRequest),
        (Ok(Some(token)), None) => Ok(token),
        (Ok(None), Some(token)) => Ok(Secret::new(token)),
        (Ok(None), None) => Err(BearerError::Missing),
    })
}

/// The token of the one header of this name, whose scheme is `Bearer` in whatever case.
pub(crate) fn bearer(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Secret>, RequestFault> {
    let mut values = headers.get_all(name).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().map_err(|_| RequestFault::Body)?,
        (Some(_), Some(_)) => return Err(RequestFault::Repeated("Authorization")),
    };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(Secret::new(token.to_owned()))),
        Some(_) | None => Ok(None),
    }
}

fn answer(form: UserInfoForm) -> Response {
    match form {
        UserInfoForm::Plain(claims) => reply::json(StatusCode::OK, serde_json::Value::Object(claims).to_string()),
        UserInfoForm::Signed(jwt) => {
            let mut response = reply::json(StatusCode::OK, jwt.expose().to_owned());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
            response
        }
    }
}

fn refuse(call: &Call, refused: BearerError) -> Response {
    let (status, error) = match refused {
        BearerError::Missing => (StatusCode::UNAUTHORIZED, None),
        BearerError::InvalidRequest => (StatusCode::BAD_REQUEST, Some("invalid_request")),
        BearerError::InvalidToken => (StatusCode::UNAUTHORIZED, Some("invalid_token")),
        BearerError::InsufficientScope => (StatusCode::FORBIDDEN, Some("insufficient_scope")),
    };
    let mut challenge = format!("Bearer realm=\"{}\"", call.realm.name);
    let mut response = match error {
        None => reply::empty(status),
        Some(error) => {
            challenge = format!("{challenge}, error=\"{error}\"");
            reply::json(status, format!(r#"{{"error":"{error}"}}"#))
        }
    };
    if refused == BearerError::InsufficientScope {
        challenge.push_str(", scope=\"openid\"");
    }
    let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    // No token, no client: any origin that a client has may learn that it is to be refreshed.
    cors::expose_challenge(cors::allow_any_client(response, &call.headers, &call.realm))
}
