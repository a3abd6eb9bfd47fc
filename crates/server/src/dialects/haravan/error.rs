//! Errors of the exchange and of the sample resource: the status, and the words that the platform's document has for it, as JSON or,
//! where the realm wants it, bare. The document shows both.

use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use kimbai_core::client::ClientAuthenticationError;
use kimbai_core::exchange::{ExchangeErrors, ExchangeScopeFault};
use kimbai_core::realm::ErrorForm;
use kimbai_core::token::{Inactive, Refusal, TokenRefusal};
use kimbai_engine::{EngineError, ExchangeError, LegacyTokenRefusal};
use serde_json::json;

use super::shop::NotAtShop;
use super::token_exchange::BodyFault;
use crate::explanation;
use crate::http::front::Reason;
use crate::http::reply::{self, HttpFault};
use crate::site::Call;

/// As `IdentityServer4` names itself in its challenges.
const CHALLENGE: &str = "Bearer realm=\"IdentityServer\"";
const FAILED: &str = "Something went wrong. Please try again later.";

/// Why nothing is given.
#[derive(Debug)]
pub(super) enum Refused {
    Http(HttpFault),
    NotAtShop(NotAtShop),
    /// No Bearer token, or more than one.
    NoToken,
    LegacyToken(LegacyTokenRefusal),
    /// The access token does not work.
    AccessToken(Inactive),
    /// It was given for no shop.
    NoOrganization,
    Body(BodyFault),
    Exchange(ExchangeError),
    Failed(EngineError),
}

/// What a refusal is on the wire.
struct Wire {
    status: StatusCode,
    words: &'static str,
    challenge: Option<&'static str>,
    wait_s: Option<u32>,
}

impl Wire {
    const fn new(status: StatusCode, words: &'static str) -> Self {
        Self { status, words, challenge: None, wait_s: None }
    }

    const fn unauthorized(challenge: &'static str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, "Unauthorized") }
    }

    const fn body() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Entity")
    }

    /// The store may work in a second; what is stored wrongly stays so.
    const fn failed(failure: &EngineError) -> Self {
        match failure {
            EngineError::Store(_) => Self { wait_s: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, FAILED) },
            EngineError::Stored(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, FAILED),
        }
    }

    const fn throttled(wait_s: u32) -> Self {
        Self { wait_s: Some(wait_s), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests") }
    }

    fn render(self, errors: ExchangeErrors) -> Response {
        let mut response = match errors {
            ExchangeErrors::Json => reply::json(self.status, json!({ "error": self.words }).to_string()),
            ExchangeErrors::Text => {
                let mut response = reply::json(self.status, self.words);
                let text = HeaderValue::from_static("text/plain; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, text);
                response
            }
        };
        if let Some(detail) = self.challenge {
            // Of visible characters alone.
            let challenge = HeaderValue::from_str(&format!("{CHALLENGE}{detail}"));
            let challenge = challenge.unwrap_or(HeaderValue::from_static(CHALLENGE));
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait_s) = self.wait_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
        }
        response
    }
}

/// Answers a refusal in the form of the realm.
pub(super) fn render(call: &Call, refused: &Refused) -> Response {
    let errors = call.realm.settings.exchange.as_ref().map_or(ExchangeErrors::Json, |exchange| exchange.errors);
    if let Refused::Failed(failure) | Refused::Exchange(ExchangeError::Failed(failure)) = refused {
        tracing::warn!(error = failure as &dyn std::error::Error, "a request of a shop cannot be answered");
    }
    let mut response = wire(refused).render(errors);
    if let Refused::Http(fault) = refused {
        response = fault.with_header(response);
    }
    response.extensions_mut().insert(reason(refused));
    response
}

/// What is wrong with a request before it is looked at.
pub(super) fn json_fault(fault: HttpFault, _form: ErrorForm) -> Response {
    plain_fault(fault, ExchangeErrors::Json)
}

/// The same in bare words.
pub(super) fn text_fault(fault: HttpFault, _form: ErrorForm) -> Response {
    plain_fault(fault, ExchangeErrors::Text)
}

fn plain_fault(fault: HttpFault, errors: ExchangeErrors) -> Response {
    let mut response = fault.with_header(http(fault).render(errors));
    response.extensions_mut().insert(explanation::fault(fault));
    response
}

fn wire(refused: &Refused) -> Wire {
    match refused {
        Refused::Http(fault) => http(*fault),
        Refused::NotAtShop(NotAtShop::Unnamed | NotAtShop::Unknown) => Wire::new(StatusCode::NOT_FOUND, "Not Found"),
        Refused::NotAtShop(NotAtShop::TwoShops) | Refused::NoToken => Wire::unauthorized(""),
        Refused::LegacyToken(_) | Refused::Exchange(ExchangeError::LegacyToken(_)) => {
            Wire::unauthorized(", error=\"invalid_token\"")
        }
        Refused::AccessToken(Inactive::Refused(Refusal::Expired)) => {
            Wire::unauthorized(", error=\"invalid_token\", error_description=\"The access token expired\"")
        }
        Refused::AccessToken(_) => Wire::unauthorized(", error=\"invalid_token\""),
        Refused::NoOrganization => Wire::new(StatusCode::FORBIDDEN, "Forbidden"),
        Refused::Body(_) => Wire::body(),
        Refused::Exchange(error) => exchange(error),
        Refused::Failed(failure) => Wire::failed(failure),
    }
}

fn exchange(error: &ExchangeError) -> Wire {
    match error {
        ExchangeError::LegacyToken(_) => Wire::unauthorized(", error=\"invalid_token\""),
        ExchangeError::Client(_)
        | ExchangeError::OtherClient
        | ExchangeError::Scopes(_)
        | ExchangeError::OtherScopes => Wire::body(),
        ExchangeError::Throttled(throttled) => Wire::throttled(throttled.wait_s),
        ExchangeError::NotOffered => Wire::new(StatusCode::NOT_FOUND, "Not Found"),
        ExchangeError::Failed(failure) => Wire::failed(failure),
    }
}

const fn http(fault: HttpFault) -> Wire {
    let words = match fault {
        HttpFault::NotFound => "Not Found",
        HttpFault::Misdirected => "Misdirected Request",
        HttpFault::Method(_) => "Method Not Allowed",
        HttpFault::ContentType(_) => "Unsupported Media Type",
        HttpFault::Body(_) => "The body is too large, too slow or incomplete",
        HttpFault::Headers => "Request Header Fields Too Large",
        HttpFault::Throttled(_) => "Too many requests",
        HttpFault::Overloaded => FAILED,
    };
    Wire::new(fault.status(), words)
}

fn reason(refused: &Refused) -> Reason {
    match refused {
        Refused::Http(fault @ HttpFault::ContentType(_)) => {
            Reason { explanation: "Send application/json.", ..explanation::fault(*fault) }
        }
        Refused::Http(fault) => explanation::fault(*fault),
        Refused::NotAtShop(shop) => not_at_shop(*shop),
        Refused::NoToken => Reason {
            name: "no_token",
            detail: "there is not one token in the headers".to_owned(),
            mistake: "no Authorization header, two of them, or another scheme than Bearer",
            explanation: "Send Authorization: Bearer and the token; a legacy token of the shop for an exchange.",
        },
        Refused::LegacyToken(refusal) | Refused::Exchange(ExchangeError::LegacyToken(refusal)) => legacy(*refusal),
        Refused::AccessToken(inactive) => explanation::inactive(*inactive),
        Refused::NoOrganization => Reason {
            name: "no_organization",
            detail: "the access token was given for no shop".to_owned(),
            mistake: "a token of somebody who acts for no shop",
            explanation: "Ask for the scope org, as somebody who belongs to a shop.",
        },
        Refused::Body(fault) => body(*fault),
        Refused::Exchange(error) => exchange_reason(error),
        Refused::Failed(failure) => failed(failure),
    }
}

fn not_at_shop(shop: NotAtShop) -> Reason {
    let (name, mistake, explanation) = match shop {
        NotAtShop::Unnamed => (
            "no_shop",
            "a host that is no shop's",
            "Ask at the shop's own host, as the table at / has it; in the sandbox X-Kimbai-Shop names the shop too.",
        ),
        NotAtShop::Unknown => ("unknown_shop", "a shop that is not here", "See the shops at /."),
        NotAtShop::TwoShops => {
            ("two_shops", "one shop in the host and another in X-Kimbai-Shop", "Name the shop once, by its host.")
        }
    };
    Reason { name, detail: shop.to_string(), mistake, explanation }
}

fn legacy(refusal: LegacyTokenRefusal) -> Reason {
    let (name, mistake, explanation) = match refusal {
        LegacyTokenRefusal::Unknown => (
            "unknown_legacy_token",
            "a legacy token that is not known here, or was cut short",
            "Send it exactly as it was received; those of the sandbox are in --json.",
        ),
        LegacyTokenRefusal::OtherOrganization => {
            ("other_shop", "the legacy token of another shop", "Ask at the host of the shop that the token is of.")
        }
        LegacyTokenRefusal::Ended => {
            ("ended_legacy_token", "a legacy token that has ended", "Use the tokens that it was exchanged for.")
        }
        LegacyTokenRefusal::NoRole => {
            ("legacy_owner_without_role", "a legacy token of somebody who is not the shop's admin", "Ask the operator.")
        }
        LegacyTokenRefusal::OwnerEnded => {
            ("legacy_owner_ended", "a legacy token of an app or person that was disabled", "Ask the operator.")
        }
    };
    Reason { name, detail: refusal.to_string(), mistake, explanation }
}

fn body(fault: BodyFault) -> Reason {
    let (mistake, explanation) = match fault {
        BodyFault::NotAnObject => {
            ("a body that is not one JSON object, or has a member twice", "Send one object with each member once.")
        }
        BodyFault::NoOuterObject => ("the members without the object around them", "Send {\"token_exchange\":{…}}."),
        BodyFault::ClientSecret => ("client_secret for secret_key", "Name the app's secret secret_key here."),
        BodyFault::Member(_) => ("a member that is missing or no string", "Send client_id, secret_key and scopes."),
        BodyFault::ScopesAsText => {
            ("scopes as one string", "Send a JSON array with a string for each scope: [\"openid\",\"profile\"].")
        }
        BodyFault::Scopes => ("scopes that are no array of strings", "Send a JSON array with a string for each scope."),
    };
    Reason { name: "exchange_body", detail: fault.to_string(), mistake, explanation }
}

fn exchange_reason(error: &ExchangeError) -> Reason {
    let (name, mistake, explanation) = match error {
        ExchangeError::LegacyToken(refusal) => return legacy(*refusal),
        ExchangeError::Client(refused) => return client(*refused),
        ExchangeError::OtherClient => (
            "other_client",
            "a legacy token that was given to another app",
            "Send the client_id and secret_key of the app that the legacy token was given to.",
        ),
        ExchangeError::Scopes(fault) => (
            "exchange_scopes",
            scopes(fault),
            "Send openid, profile, email, org, userinfo and grant_service, or what the realm demands instead, and beside them only what the app is registered for, each once.",
        ),
        ExchangeError::OtherScopes => (
            "exchange_pending",
            "other scopes than those of the exchange before, whose tokens were not used yet",
            "Ask with the same scopes for the same tokens, or use or revoke those first.",
        ),
        ExchangeError::Throttled(throttled) => return explanation::throttled(*throttled),
        ExchangeError::NotOffered => ("not_offered", "an exchange in a realm without one", "Use a realm that has one."),
        ExchangeError::Failed(failure) => return failed(failure),
    };
    Reason { name, detail: error.to_string(), mistake, explanation }
}

fn client(refused: ClientAuthenticationError) -> Reason {
    let advice = "Compare client_id and secret_key with the table at /.";
    Reason { explanation: advice, ..explanation::refusal(TokenRefusal::Client(refused)) }
}

const fn scopes(fault: &ExchangeScopeFault) -> &'static str {
    match fault {
        ExchangeScopeFault::Empty => "no scopes",
        ExchangeScopeFault::Malformed => "two scopes in one string, with a space between them perhaps",
        ExchangeScopeFault::Twice(_) => "a scope named twice",
        ExchangeScopeFault::Unknown => "a scope that the realm does not have",
        ExchangeScopeFault::NotRegistered(_) => "a scope that the app is not registered for",
        ExchangeScopeFault::Mandatory(_) => "a mandatory scope is missing",
    }
}

fn failed(failure: &EngineError) -> Reason {
    Reason {
        name: "failed",
        detail: failure.to_string(),
        mistake: "none: the server failed",
        explanation: "Ask again after Retry-After; the answer will be the same.",
    }
}
