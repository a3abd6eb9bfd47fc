//! Reading requests: each parameter by its name, none twice, the body once (RFC 6749 section 3.2).

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::{BodyDataStream, Full};
use kimbai_core::authorize::AuthorizationRequest;
use kimbai_core::client::{BasicCredentials, ClientAuthenticationError, ClientCredentials, GrantType};
use kimbai_core::secret::Secret;
use kimbai_core::token::{RequestFault, TokenGrant, TokenRefusal, TokenRequest};
use multer::{Constraints, Multipart, SizeLimit};

use super::error::EndpointError;
use crate::http::body::{self, BODY_BYTES_MAX};
use crate::http::form::{self, Form};
use crate::http::reply::HttpFault;
use crate::site::Call;

const URLENCODED: &str = "application/x-www-form-urlencoded";
const FORM_TYPES: &str = "application/x-www-form-urlencoded, multipart/form-data";

/// The methods of an endpoint that pages of other origins may call.
const FOR_BROWSERS_TOO: &str = "POST, OPTIONS";

/// The parameters a token, revocation or introspection request may have; in query and body at once they are repeated.
const PARAMETERS: [&str; 10] = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "client_id",
    "client_secret",
    "token",
    "token_type_hint",
];

/// Reads an access token request.
pub(crate) async fn token(call: &Call, body: Body) -> Result<TokenRequest, EndpointError> {
    let mut form = posted_form(call, body, FOR_BROWSERS_TOO).await?;
    check_repetitions(&form)?;
    let grant_type = form.take("grant_type")?.ok_or(RequestFault::Missing("grant_type"))?;
    let credentials = credentials(&call.headers, &mut form)?;
    let grant = match grant_type.as_str() {
        "authorization_code" => match secret(&mut form, "code")? {
            Some(code) => TokenGrant::AuthorizationCode {
                code,
                redirect_uri: form.take("redirect_uri")?,
                code_verifier: secret(&mut form, "code_verifier")?,
            },
            None => TokenGrant::Incomplete { grant_type: GrantType::AuthorizationCode, missing: "code" },
        },
        "refresh_token" => match secret(&mut form, "refresh_token")? {
            Some(refresh_token) => TokenGrant::RefreshToken { refresh_token, scope: form.take("scope")? },
            None => TokenGrant::Incomplete { grant_type: GrantType::RefreshToken, missing: "refresh_token" },
        },
        "client_credentials" => TokenGrant::ClientCredentials { scope: form.take("scope")? },
        _ => TokenGrant::Unsupported,
    };
    Ok(TokenRequest { credentials, grant })
}

/// Reads a revocation request (RFC 7009 section 2.1). The hint is not needed: a token says itself what it is.
pub(crate) async fn revocation(call: &Call, body: Body) -> Result<(ClientCredentials, Secret), EndpointError> {
    token_question(call, body, FOR_BROWSERS_TOO).await
}

/// Reads an introspection request (RFC 7662 section 2.1).
pub(crate) async fn introspection(call: &Call, body: Body) -> Result<(ClientCredentials, Secret), EndpointError> {
    token_question(call, body, "POST").await
}

async fn token_question(
    call: &Call,
    body: Body,
    allowed: &'static str,
) -> Result<(ClientCredentials, Secret), EndpointError> {
    let mut form = posted_form(call, body, allowed).await?;
    check_repetitions(&form)?;
    let credentials = credentials(&call.headers, &mut form)?;
    let token = secret(&mut form, "token")?.ok_or(RequestFault::Missing("token"))?;
    Ok((credentials, token))
}

/// Reads an authorization request.
pub(crate) fn authorization(form: &Form) -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: form.parameter("client_id"),
        redirect_uri: form.parameter("redirect_uri"),
        response_type: form.parameter("response_type"),
        response_mode: form.parameter("response_mode"),
        scope: form.parameter("scope"),
        state: form.parameter("state"),
        code_challenge: form.parameter("code_challenge"),
        code_challenge_method: form.parameter("code_challenge_method"),
        nonce: form.parameter("nonce"),
        prompt: form.parameter("prompt"),
        max_age: form.parameter("max_age"),
        display: form.parameter("display"),
        ui_locales: form.parameter("ui_locales"),
        claims: form.parameter("claims"),
        acr_values: form.parameter("acr_values"),
        orgid: form.parameter("orgid"),
        login_hint: form.parameter("login_hint"),
        id_token_hint: form.parameter("id_token_hint"),
        request: form.parameter("request"),
        request_uri: form.parameter("request_uri"),
    }
}

/// Reads the form that a POST brings, joined with those of our parameters that stand in its query too.
async fn posted_form(call: &Call, body: Body, allowed: &'static str) -> Result<Form, EndpointError> {
    if call.method != Method::POST {
        return Err(HttpFault::Method(allowed).into());
    }
    let in_query = Form::decode(call.query())?;
    let form = read_form(&call.headers, body, FormKinds::UrlencodedOrMultipart).await?;
    match PARAMETERS.into_iter().find(|name| in_query.occurrences(name) > 0 && form.occurrences(name) > 0) {
        Some(name) => Err(RequestFault::Repeated(name).into()),
        None => Ok(form),
    }
}

/// Which encodings of a form an endpoint reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormKinds {
    /// What browsers and most clients send.
    Urlencoded,
    /// Multipart too, as Hydra's token endpoint does.
    UrlencodedOrMultipart,
}

/// Reads the body as a form.
pub(crate) async fn read_form(headers: &HeaderMap, body: Body, kinds: FormKinds) -> Result<Form, EndpointError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    let media_type = media_type.trim();
    if media_type.eq_ignore_ascii_case(URLENCODED) {
        let bytes = body::read(body).await?;
        return Ok(Form::decode(&bytes)?);
    }
    if kinds == FormKinds::UrlencodedOrMultipart && media_type.eq_ignore_ascii_case("multipart/form-data") {
        return multipart(content_type, body).await;
    }
    if content_type.is_empty() {
        let bytes = body::read(body).await?;
        if bytes.is_empty() {
            return Ok(Form::default());
        }
    }
    let taken = if kinds == FormKinds::Urlencoded { URLENCODED } else { FORM_TYPES };
    Err(HttpFault::ContentType(taken).into())
}

async fn multipart(content_type: &str, body: Body) -> Result<Form, EndpointError> {
    let boundary = multer::parse_boundary(content_type).map_err(|_| RequestFault::Body)?;
    let bytes = body::read(body).await?;
    let limit = SizeLimit::new().whole_stream(BODY_BYTES_MAX as u64);
    let whole = BodyDataStream::new(Full::new(bytes));
    let mut parts = Multipart::with_constraints(whole, boundary, Constraints::new().size_limit(limit));
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(|_| RequestFault::Body)? {
        // A file is no parameter, whatever its name is.
        let name = part.name().filter(|_| !is_file(part.headers())).ok_or(RequestFault::Body)?.to_owned();
        let value = part.bytes().await.map_err(|_| RequestFault::Body)?;
        form.push(name, String::from_utf8(value.to_vec()).ok())?;
    }
    Ok(form)
}

/// Whether a part has a file name in any spelling: `filename` or `filename*` (RFC 6266 section 4.1).
fn is_file(headers: &HeaderMap) -> bool {
    let disposition = headers.get(CONTENT_DISPOSITION).map(HeaderValue::as_bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(disposition).to_ascii_lowercase();
    text.split(';').any(|parameter| parameter.trim_start().starts_with("filename"))
}

fn check_repetitions(form: &Form) -> Result<(), RequestFault> {
    match PARAMETERS.into_iter().find(|name| form.occurrences(name) > 1) {
        Some(name) => Err(RequestFault::Repeated(name)),
        None => Ok(()),
    }
}

fn secret(form: &mut Form, name: &'static str) -> Result<Option<Secret>, RequestFault> {
    Ok(form.take(name)?.map(Secret::new))
}

fn credentials(headers: &HeaderMap, form: &mut Form) -> Result<ClientCredentials, EndpointError> {
    let basic = basic(headers).map_err(|error| EndpointError::from(TokenRefusal::Client(error)))?;
    let (client_id, client_secret) = (form.take("client_id")?, secret(form, "client_secret")?);
    Ok(ClientCredentials { basic, client_id, client_secret, signed: None })
}

/// Reads the one `Authorization: Basic` header, both halves form-encoded (RFC 6749 section 2.3.1, RFC 7617).
fn basic(headers: &HeaderMap) -> Result<Option<BasicCredentials>, ClientAuthenticationError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Err(ClientAuthenticationError::Header),
    };
    read_basic(value.as_bytes()).map(Some).ok_or(ClientAuthenticationError::Header)
}

fn read_basic(value: &[u8]) -> Option<BasicCredentials> {
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (client_id, client_secret) = decoded.split_at_checked(colon)?;
    let client_id = visible(form::decode(client_id)?)?;
    let client_secret = visible(form::decode(client_secret.get(1..)?)?)?;
    Some(BasicCredentials { client_id, client_secret: Secret::new(client_secret) })
}

fn visible(text: String) -> Option<String> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_header_is_read_strictly() {
        let vector = "Basic NzU5MDEzOTE2ODM4OTk2MTp0ZlNsMGM2VkZ2M2ZBQl96OUYtbTIySWhFbm13cTZldw==";
        let encoded = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (header, expect) in [
            (vector.to_owned(), Some(("7590139168389961", "tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew"))),
            (vector.replace("Basic", "bAsIc"), Some(("7590139168389961", "tfSl0c6VFv3fAB_z9F-m22IhEnmwq6ew"))),
            (encoded("a:b:c"), Some(("a", "b:c"))),
            (encoded("a%3A:b%2Bc+d"), Some(("a:", "b+c d"))),
            (encoded("a"), None),
            (encoded(":b"), None),
            (encoded("a:"), None),
            (encoded("a\0:b"), None),
            (encoded("a%00:b"), None),
            (encoded("a:b%0A"), None),
            (encoded("a:%FF"), None),
            (vector.replace("Basic", "Bearer"), None),
            (vector.replace("==", ""), None),
            (vector.replace("Basic ", "Basic  "), None),
            (vector.replace("NzU5", "NzU5\n"), None),
            ("Basic".to_owned(), None),
            ("Basic ".to_owned(), None),
        ] {
            let read = read_basic(header.as_bytes());
            let pair = read.as_ref().map(|basic| (basic.client_id.as_str(), basic.client_secret.expose()));
            assert_eq!(pair, expect, "{header:?}");
        }
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert!(basic(&headers).unwrap().is_some());
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert_eq!(basic(&headers).unwrap_err(), ClientAuthenticationError::Header);
    }
}
