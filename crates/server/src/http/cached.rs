//! Documents that are made once and asked for often: clients and caches keep them for a while, and then ask whether they have changed
//! (RFC 9110 sections 8.8.3 and 13.1.2, RFC 9111 section 5.2.2).

use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, PRAGMA, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::reply;

/// A document that stays what it is as long as its entity tag does.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// JSON.
    pub json: Bytes,
    /// Its entity tag, in its quotes.
    pub etag: &'a str,
    /// For so many seconds nobody needs to ask again.
    pub max_age_s: u32,
}

/// Answers a request for a document: the document, or 304 for who has it already.
#[must_use]
pub fn document(request: &HeaderMap, document: Document<'_>) -> Response {
    let Document { json, etag, max_age_s } = document;
    let mut response =
        if has(request, etag) { reply::empty(StatusCode::NOT_MODIFIED) } else { reply::json(StatusCode::OK, json) };
    let headers = response.headers_mut();
    headers.remove(PRAGMA);
    // What we write into headers here is visible ASCII; without a value the answer is not kept.
    if let (Ok(etag), Ok(control)) =
        (HeaderValue::from_str(etag), HeaderValue::from_str(&format!("public, max-age={max_age_s}")))
    {
        headers.insert(ETAG, etag);
        headers.insert(CACHE_CONTROL, control);
    }
    // A cache keeps it for others too, and who may read it depends on the origin.
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    response
}

/// Whether the request names this entity tag as one that it has, compared weakly (RFC 9110 section 13.1.2).
fn has(request: &HeaderMap, etag: &str) -> bool {
    let lines = request.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_document_is_told_so_and_not_sent_it_again() {
        for (lines, expect) in [
            (vec![], 200),
            (vec!["\"other\""], 200),
            (vec!["tag"], 200),
            (vec!["\"TAG\""], 200),
            (vec![""], 200),
            (vec!["\"tag\""], 304),
            (vec!["W/\"tag\""], 304),
            (vec!["*"], 304),
            (vec!["\"other\", \"tag\""], 304),
            (vec!["\"other\"", "W/\"x\" ,W/\"tag\""], 304),
        ] {
            let mut request = HeaderMap::new();
            for line in &lines {
                request.append(IF_NONE_MATCH, HeaderValue::from_static(line));
            }
            let answer =
                document(&request, Document { json: Bytes::from_static(b"{}"), etag: "\"tag\"", max_age_s: 300 });
            assert_eq!(answer.status(), expect, "{lines:?}");
            let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
            let expected = (Some("\"tag\""), Some("public, max-age=300"), Some("Origin"));
            assert_eq!((header("etag"), header("cache-control"), header("vary")), expected);
            assert_eq!(header("content-type").is_some(), expect == 200);
            assert_eq!(header("pragma"), None);
        }
    }
}
