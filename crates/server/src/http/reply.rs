//! Answers: JSON, pages, redirects, each with the headers that its kind always has.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};

use super::body::BodyFault;

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A JSON answer that no cache keeps (RFC 6749 section 5.1).
#[must_use]
pub fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An answer without a body that no cache keeps.
#[must_use]
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// Where a page may load images from and send its form to, besides ourselves.
#[derive(Debug, Clone, Default)]
pub struct PageSources {
    /// The origins of a client's icon and of the image behind its log-in page.
    pub images: Vec<String>,
    /// The origin or scheme of the redirect URI that the form's answer leads to.
    pub form_target: Option<String>,
    /// Whether the page has a script file of ours.
    pub script: Script,
}

/// Whether a page has a script file of ours; no page has one in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Script {
    /// No.
    #[default]
    Absent,
    /// Yes.
    File,
}

/// A page: no script but our own, no frame, no referrer, no cache.
#[must_use]
pub fn page(status: StatusCode, html: String, sources: &PageSources) -> Response {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let with = |sources: &[String]| sources.iter().fold(String::new(), |all, source| all + " " + source);
    let policy = format!(
        "default-src 'none'; {}style-src 'self'; font-src 'self'; img-src 'self'{}; form-action 'self'{}; \
         frame-ancestors 'none'; base-uri 'none'",
        match sources.script {
            Script::Absent => "",
            Script::File => "script-src 'self'; ",
        },
        with(&sources.images),
        with(sources.form_target.as_slice()),
    );
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HTML);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The sources are origins and schemes of registered URIs: visible ASCII. A policy without them is the stricter one.
    let strict = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).unwrap_or(strict));
    response
}

/// 303: whatever the method was, the next is GET, and no form is posted on.
#[must_use]
pub fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else { return empty(StatusCode::BAD_REQUEST) };
    let mut response = empty(StatusCode::SEE_OTHER);
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// What is wrong with a request before its endpoint looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpFault {
    /// There is nothing at this path.
    #[error("there is nothing at this path")]
    NotFound,
    /// No realm has this host.
    #[error("no realm has this host")]
    Misdirected,
    /// The method is not one of these.
    #[error("the method is not one of: {0}")]
    Method(&'static str),
    /// The content type is not one the endpoint reads.
    #[error("the content type is not one of: {0}")]
    ContentType(&'static str),
    /// The body could not be read.
    #[error("{0}")]
    Body(BodyFault),
    /// More or longer headers than a request may have.
    #[error("the request has too many or too long headers")]
    Headers,
    /// The source has used its allowance up, and may ask again after so many seconds.
    #[error("too many requests from this source, wait {0} s")]
    Throttled(u32),
    /// More requests at once than the server has room for.
    #[error("the server has no room for one more request")]
    Overloaded,
}

impl HttpFault {
    /// Its status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(BodyFault::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyFault::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyFault::Incomplete) => StatusCode::BAD_REQUEST,
            Self::Headers => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Adds the header that goes with it.
    #[must_use]
    pub fn with_header(self, mut response: Response) -> Response {
        match self {
            Self::Method(allowed) => {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Throttled(wait_s) => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
            }
            Self::Overloaded => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::NotFound | Self::Misdirected | Self::ContentType(_) | Self::Body(_) | Self::Headers => {}
        }
        response
    }
}
