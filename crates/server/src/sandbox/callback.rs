//! `/sandbox/callback`: shows what came back from an authorization request, and the next command. A POST is the response mode
//! `form_post`.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use kimbai_core::client::AuthenticationMethod;
use kimbai_pages::{Outcome, SandboxCallback};

use super::demo::DemoClient;
use super::shown::Shown;
use crate::dialects::standard::error;
use crate::dialects::standard::request::{FormKinds, read_form};
use crate::http::form::Form;
use crate::http::reply::{self, HttpFault, PageSources};
use crate::sandbox::SandboxRealm;
use crate::site::{Audience, Call};

pub(super) async fn callback(call: Call, body: Body) -> Response {
    let Audience::Sandbox(sandbox) = &call.site.audience else { return error::fault(&call.site, HttpFault::NotFound) };
    let form = match call.method {
        Method::GET | Method::HEAD => Form::decode(call.query()).unwrap_or_default(),
        Method::POST => read_form(&call.headers, body, FormKinds::Urlencoded).await.unwrap_or_default(),
        _ => return error::fault(&call.site, HttpFault::Method("GET, HEAD, POST")),
    };
    let parameters: Vec<_> = form.pairs().collect();
    let code = form.parameter("code");
    let refused = form.parameter("error");
    let explanation = form.parameter("error_hint");
    let command = match code.value() {
        Some(code) => Some(next_command(&call, sandbox, code).await),
        None => None,
    };
    let outcome = match (code.value(), &command, refused.value()) {
        (Some(code), Some(command), _) => Outcome::Code { code, command },
        (_, _, Some(error)) => Outcome::Error {
            error,
            explanation: explanation.value().or(form.all("error_description").next()).unwrap_or_default(),
        },
        _ => Outcome::Nothing,
    };
    let page = SandboxCallback { parameters: &parameters, outcome };
    let html = kimbai_pages::sandbox_callback(&call.frame(), &page);
    reply::page(StatusCode::OK, html, &PageSources::default())
}

/// The command that redeems a code, for the client that it was issued to.
async fn next_command(call: &Call, sandbox: &SandboxRealm, code: &str) -> String {
    let registration = &sandbox.registration;
    let found = call.site.engine.client_of_code(&call.realm, code).await.ok().flatten();
    let Some(client) = found.and_then(|client| registration.client(&client.client_id)) else {
        return "# this code is not one of this realm".to_owned();
    };
    let redirect_uri = format!("{}/sandbox/callback", registration.issuer.trim_end_matches('/'));
    let mut lines = vec![format!("curl -s {}", registration.endpoints.token)];
    lines.extend(authentication(client));
    lines.push("-d grant_type=authorization_code".to_owned());
    lines.push(format!("-d code={}", shell_safe(code)));
    lines.push(format!("-d redirect_uri={redirect_uri}"));
    if client.token_endpoint_auth_method == AuthenticationMethod::None {
        lines.push("-d code_verifier=YOUR-VERIFIER".to_owned());
    }
    lines.join(" \\\n  ")
}

/// How a client says who it is, in the words of curl.
pub(super) fn authentication(client: &DemoClient) -> Vec<String> {
    let secret = client.client_secret.as_ref().map_or("", Shown::text);
    let client_id = format!("-d client_id={}", client.client_id);
    match client.token_endpoint_auth_method {
        AuthenticationMethod::ClientSecretBasic => vec![format!("-u {}:{secret}", client.client_id), client_id],
        AuthenticationMethod::ClientSecretPost => vec![client_id, format!("-d client_secret={secret}")],
        // A signature or an envelope is made for each request anew.
        AuthenticationMethod::None | AuthenticationMethod::RequestSignature | AuthenticationMethod::PartnerEnvelope => {
            vec![client_id]
        }
    }
}

/// What is pasted into a shell: a token has only these characters.
fn shell_safe(token: &str) -> String {
    token.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect()
}
