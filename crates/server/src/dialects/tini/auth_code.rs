//! `POST /tiniapp/api/auth-code`: what stands behind the super-app's `my.getAuthCode`. Its back end asks for a code for a Tini App, in
//! the name of the person whose own access token it shows; its secret alone speaks for nobody.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use kimbai_core::authorize::{PartialConsent, ScopeWithheld};
use kimbai_engine::{AppCode, AppCodeError, AppCodeRequest, Realm};
use kimbai_keyring::SealedToken;
use serde::{Deserialize, Serialize};

use super::{AUTH_CODE_SCOPE, error, profile, response, sheet};
use crate::explanation;
use crate::http::json;
use crate::http::reply;
use crate::site::{Audience, Call};

/// An app asks for so many scopes at most.
const SCOPES_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    client_id: String,
    #[serde(default)]
    scopes: Vec<String>,
    granted: Option<Vec<String>>,
}

/// What the callback of `my.getAuthCode` is given.
#[derive(Serialize)]
pub(super) struct AuthCode {
    #[serde(rename = "authCode")]
    code: Option<String>,
    /// 1: the app may not ask for it; 2: the person refused it.
    #[serde(rename = "authErrorScopes")]
    withheld: BTreeMap<String, u8>,
    #[serde(rename = "authSuccessScopes")]
    given: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToBeAsked {
    /// The sheet that asks the person; the sandbox has one, elsewhere the super-app shows its own.
    consent_url: Option<String>,
}

pub(super) async fn auth_code(call: Call, body: Body) -> Response {
    let body = match json::read(&call.method, &call.headers, body).await {
        Ok(body) => body,
        Err(fault) => return error::fault(fault, call.realm.settings.error_form),
    };
    let unauthorized = |why| error::bearer(StatusCode::UNAUTHORIZED, why);
    let Some(token) = profile::bearer(&call.headers) else {
        return error::no_bearer();
    };
    let asked = match asked(&body) {
        Ok(asked) => asked,
        Err(detail) => return error::render(error::request("invalid_request", "invalid request", detail)),
    };
    match call.site.engine.app_code(&call.realm, (&token, AUTH_CODE_SCOPE), &asked).await {
        Ok(answer) => render(&call, &asked, &answer),
        Err(AppCodeError::Token(inactive)) => unauthorized(explanation::inactive(inactive)),
        Err(refused @ AppCodeError::Nobody) => {
            unauthorized(error::request("nobody", "a token of no person", refused.to_string()).why)
        }
        Err(refused @ AppCodeError::NotFirstParty(_)) => {
            let why = error::request(
                "not_first_party",
                "a token that was not issued to the super-app for this",
                refused.to_string(),
            );
            error::bearer(StatusCode::FORBIDDEN, why.why)
        }
        Err(refused @ AppCodeError::App) => {
            error::render(error::request("invalid_client", "no such app", refused.to_string()))
        }
        Err(AppCodeError::Failed(failure)) => error::render(error::failed(&failure)),
    }
}

fn asked(body: &[u8]) -> Result<AppCodeRequest, String> {
    // A list would be taken for the members in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("the body is not a JSON object".to_owned());
    }
    let Asked { client_id, scopes, granted } =
        serde_json::from_slice(body).map_err(|error| format!("not what is asked for, at column {}", error.column()))?;
    if scopes.len() > SCOPES_MAX || granted.as_ref().is_some_and(|granted| granted.len() > SCOPES_MAX) {
        return Err(format!("an app asks for at most {SCOPES_MAX} scopes"));
    }
    Ok(AppCodeRequest { client_id, scopes, granted })
}

fn render(call: &Call, asked: &AppCodeRequest, answer: &AppCode) -> Response {
    let body = match answer {
        AppCode::Settled(code, consent) => serde_json::to_string(&AuthCode::new(&call.realm, code.as_ref(), consent)),
        AppCode::AskConsent(_) => {
            let consent_url = match call.site.audience {
                Audience::Sandbox(_) => Some(sheet::url(&call.realm.settings.issuer, asked)),
                Audience::Production | Audience::Bench => None,
            };
            serde_json::to_string(&ToBeAsked { consent_url })
        }
    };
    reply::json(StatusCode::OK, body.unwrap_or_default())
}

impl AuthCode {
    pub(super) fn new(realm: &Realm, code: Option<&SealedToken>, consent: &PartialConsent) -> Self {
        let number = |withheld: ScopeWithheld| match withheld {
            ScopeWithheld::NotPermitted => 1,
            ScopeWithheld::Refused => 2,
        };
        Self {
            code: code.map(|code| code.expose().to_owned()),
            withheld: consent.withheld.iter().map(|(name, why)| (name.clone(), number(*why))).collect(),
            given: response::scopes(realm, consent.scope).into_iter().map(str::to_owned).collect(),
        }
    }
}
