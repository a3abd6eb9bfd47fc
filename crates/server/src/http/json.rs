//! JSON in the body of a POST: of one content type, whatever dialect reads it.
//!
//! Knows nothing of what is in it; a dialect parses it and says what is wrong in its own form.

use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

use super::body;
use super::reply::HttpFault;

const JSON: &str = "application/json";

/// Reads the body of a POST of JSON.
///
/// # Errors
/// [`HttpFault`]: another method, another content type, then whatever is wrong with the body.
pub(crate) async fn read(method: &Method, headers: &HeaderMap, body: Body) -> Result<Bytes, HttpFault> {
    check_method(method)?;
    check_type(headers)?;
    body::read(body).await
}

/// The same for who looks at the body before its type.
///
/// # Errors
/// [`HttpFault`]: another method, then whatever is wrong with the body, then another content type.
pub(crate) async fn read_first(method: &Method, headers: &HeaderMap, body: Body) -> Result<Bytes, HttpFault> {
    check_method(method)?;
    let body = body::read(body).await?;
    check_type(headers)?;
    Ok(body)
}

fn check_method(method: &Method) -> Result<(), HttpFault> {
    if method == Method::POST { Ok(()) } else { Err(HttpFault::Method("POST")) }
}

/// One `Content-Type`, in any case, with any parameters (RFC 9110 section 8.3.1).
fn check_type(headers: &HeaderMap) -> Result<(), HttpFault> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let is_json = match (types.next().and_then(|value| value.to_str().ok()), types.next()) {
        (Some(value), None) => value.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case(JSON)),
        _ => false,
    };
    if is_json { Ok(()) } else { Err(HttpFault::ContentType(JSON)) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn json_has_one_content_type_in_any_case_with_any_parameters() {
        for (values, is_json) in [
            (&["application/json"][..], true),
            (&["Application/JSON ; charset=utf-8"], true),
            (&["application/json;"], true),
            (&[], false),
            (&[""], false),
            (&["text/json"], false),
            (&["application/json-seq"], false),
            (&["application/json, text/plain"], false),
            (&["application/json", "application/json"], false),
            (&["text/plain", "application/json"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            assert_eq!(check_type(&headers).is_ok(), is_json, "{values:?}");
        }
    }
}
