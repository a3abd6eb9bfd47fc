//! Errors on the wire: what is judged before an envelope is looked at, each in its way, and the one answer to all else.
//!
//! The platform's documents have no error bodies: these have its status and a message.

use axum::response::Response;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use kimbai_core::client::{IvLayout, KeySpelling};
use kimbai_core::realm::ErrorForm;
use kimbai_core::token::{Inactive, Refusal, TokenRefusal};
use kimbai_engine::{EnvelopeRefusal, PartnerLogInRefusal, PartnerRefusal, Throttled, TokenError};
use kimbai_keyring::EnvelopeFault;
use serde::Serialize;

use super::mistake::Wanted;
use super::request::{self, Unread};
use crate::explanation;
use crate::http::body::BodyFault;
use crate::http::front::Reason;
use crate::http::reply::{self, HttpFault};
use crate::site::Call;

#[derive(Serialize)]
struct Body<'a> {
    status: u16,
    message: &'a str,
}

fn render(status: StatusCode, message: &str) -> Response {
    let body = Body { status: status.as_u16(), message };
    reply::json(status, serde_json::to_string(&body).unwrap_or_default())
}

/// What is wrong with the HTTP of a request.
pub(super) fn fault(fault: HttpFault, _form: ErrorForm) -> Response {
    let message = match fault {
        HttpFault::NotFound => "not found",
        HttpFault::Misdirected => "no realm of this server has this host",
        HttpFault::Method(_) => "method not allowed",
        HttpFault::ContentType(_) => "the content type is not application/json",
        HttpFault::Body(BodyFault::TooLarge) => "the body is larger than 64 KiB",
        HttpFault::Body(BodyFault::TooSlow) => "the body did not arrive in time",
        HttpFault::Body(BodyFault::Incomplete) => "the body is incomplete",
        HttpFault::Headers => "too many or too long headers",
        HttpFault::Throttled(_) => "too many requests",
        HttpFault::Overloaded => "the server cannot answer now",
    };
    let why = match fault {
        HttpFault::ContentType(_) => Reason { explanation: "Send application/json.", ..explanation::fault(fault) },
        HttpFault::NotFound
        | HttpFault::Misdirected
        | HttpFault::Method(_)
        | HttpFault::Body(_)
        | HttpFault::Headers
        | HttpFault::Throttled(_)
        | HttpFault::Overloaded => explanation::fault(fault),
    };
    let mut response = fault.with_header(render(fault.status(), message));
    response.extensions_mut().insert(why);
    response
}

/// The one answer to everything that is wrong with or behind an envelope; what goes round it says nothing either.
pub(super) fn unauthorized(why: Reason) -> Response {
    let mut response = render(StatusCode::UNAUTHORIZED, "unauthorized");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response.extensions_mut().insert(why);
    response
}

/// An attempt of who has failed too often.
pub(super) fn too_many_failures(throttled: Throttled) -> Response {
    let mistake = "more than 20 failures in a minute, or 100 in the names of several partners";
    let explanation = "Wait as Retry-After says.";
    let detail = format!("too many failures of this source, wait {} s", throttled.wait_s);
    throttle(throttled.wait_s, Reason { name: "too_many_failures", detail, mistake, explanation })
}

/// A log-in that was right, of a person who has too many live ones.
pub(super) fn too_many_grants(wait_s: u32) -> Response {
    let (mistake, explanation) = ("a log-in for every call", "Keep the access token until it expires, and refresh it.");
    let detail = PartnerRefusal::TooManyGrants { wait_s }.to_string();
    throttle(wait_s, Reason { name: "too_many_grants", detail, mistake, explanation })
}

fn throttle(wait_s: u32, why: Reason) -> Response {
    let mut response = render(StatusCode::TOO_MANY_REQUESTS, "too many requests");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
    response.extensions_mut().insert(why);
    response
}

/// Why a request was not read.
pub(super) fn unread(unread: Unread) -> Reason {
    let (name, mistake, explanation) = match unread {
        Unread::CodeMissing | Unread::CodeTwice | Unread::Code => {
            ("partner_code", "no Partner-Code, two, or none that could be one", "Send the header Partner-Code once.")
        }
        Unread::Body => ("json", "a body that is not one JSON object", "Send {\"data\":\"<hex>\"}."),
        Unread::DataMissing | Unread::DataType => {
            ("data", "no data, or data that is not a string", "Send {\"data\":\"<hex>\"}.")
        }
        Unread::Envelope(refusal) => return envelope(refusal),
        Unread::Member(_) => (
            "field",
            "an object without a member that is needed",
            "Log in with username, password, client_id and client_secret, refresh with refresh_token; each is a string.",
        ),
        Unread::GrantType => ("field", "a grant_type other than password", "Send password, or leave it out."),
        Unread::BearerMissing => ("authorization", "no access token", BEARER),
        Unread::Bearer => ("authorization", "an Authorization header of another form, or two", BEARER),
    };
    Reason { name, detail: unread.to_string(), mistake, explanation }
}

const BEARER: &str = "Send Authorization: Bearer and the access_token of the last answer.";

fn envelope(refusal: EnvelopeRefusal) -> Reason {
    use kimbai_engine::EnvelopeRefusal::{Envelope, Json, Partner, Utf8};
    let (iv, key_spelling) = Default::default();
    let (name, mistake, explanation) = match refusal {
        Partner => ("partner", "a Partner-Code that no enabled partner has", "Compare it with the table at /."),
        Envelope(EnvelopeFault::Hex) => ("hex", "data that is not hexadecimal", "Write two digits for each byte."),
        Envelope(EnvelopeFault::Length) => ("length", "data that is not whole blocks", length_advice(iv)),
        Envelope(EnvelopeFault::Padding) => {
            ("padding", "a wrong key or IV layout, most likely", padding_advice(iv, key_spelling))
        }
        Utf8 => ("utf8", "a wrong key or IV layout, most likely", "Compare the key, and where the IV is."),
        Json => ("json", "an envelope that does not hold one JSON object", "Encrypt a JSON object, each member once."),
    };
    Reason { name, detail: refusal.to_string(), mistake, explanation }
}

/// The same, with an advice for the envelopes of the very partner that the request names.
pub(super) fn of_partner(why: Reason, unread: Unread, call: &Call) -> Reason {
    let Unread::Envelope(EnvelopeRefusal::Envelope(fault)) = unread else { return why };
    let client = request::partner_code(&call.headers).ok().and_then(|code| call.realm.partner(code));
    let Some(partner) = client.as_ref().and_then(|client| client.partner()) else { return why };
    let explanation = match fault {
        EnvelopeFault::Hex => why.explanation,
        EnvelopeFault::Length => length_advice(partner.iv),
        EnvelopeFault::Padding => padding_advice(partner.iv, partner.key_spelling),
    };
    Reason { explanation, ..why }
}

const fn length_advice(iv: IvLayout) -> &'static str {
    match iv {
        IvLayout::Prepended => "Send hex(IV || cipher text): 32 bytes at least, and a multiple of 16.",
        IvLayout::Zero | IvLayout::Fixed(_) => {
            "Send hex(cipher text), without the IV: 16 bytes at least, and a multiple of 16."
        }
    }
}

const fn padding_advice(iv: IvLayout, key_spelling: KeySpelling) -> &'static str {
    match (key_spelling, iv) {
        (KeySpelling::Hex, IvLayout::Prepended) => {
            "Encrypt by AES-256-CBC with PKCS#7 under the 32 bytes that the key's 64 digits mean, IV in front."
        }
        (KeySpelling::Hex, IvLayout::Zero) => {
            "Encrypt by AES-256-CBC with PKCS#7 under the 32 bytes that the key's 64 digits mean, with an IV of zeros, not sent."
        }
        (KeySpelling::Hex, IvLayout::Fixed(_)) => {
            "Encrypt by AES-256-CBC with PKCS#7 under the 32 bytes that the key's 64 digits mean, with the agreed IV, not sent."
        }
        (KeySpelling::Ascii, IvLayout::Prepended) => {
            "Encrypt by AES-256-CBC with PKCS#7 under the 32 characters of the key as they are, IV in front."
        }
        (KeySpelling::Ascii, IvLayout::Zero) => {
            "Encrypt by AES-256-CBC with PKCS#7 under the 32 characters of the key as they are, with an IV of zeros, not sent."
        }
        (KeySpelling::Ascii, IvLayout::Fixed(_)) => {
            "Encrypt by AES-256-CBC with PKCS#7 under the 32 characters of the key as they are, with the agreed IV, not sent."
        }
    }
}

/// Why a token request of a partner was refused.
pub(super) fn token(call: &Call, error: &TokenError) -> Reason {
    match error {
        TokenError::Refused(refusal) => {
            if let TokenRefusal::Grant(refusal) = refusal {
                call.site.metrics.count_grant_refusal(*refusal);
            }
            let known = explanation::refusal(*refusal);
            match refusal {
                TokenRefusal::Grant(refusal) => with_advice(known, *refusal, Wanted::Refresh),
                TokenRefusal::Malformed(_)
                | TokenRefusal::Client(_)
                | TokenRefusal::UnsupportedGrantType
                | TokenRefusal::UnauthorizedClient
                | TokenRefusal::Scope(_)
                | TokenRefusal::ScopeNotGranted
                | TokenRefusal::ScopeNotNarrowed => known,
            }
        }
        TokenError::Throttled(throttled) => explanation::throttled(*throttled),
        TokenError::Failed(failure) => {
            // The caller is told 401: 503 would say that the envelope opened.
            tracing::error!(error = failure as &dyn std::error::Error, "a request of a partner could not be answered");
            explanation::failure(failure)
        }
    }
}

/// Why an access token opens nothing.
pub(super) fn inactive(inactive: Inactive) -> Reason {
    let known = explanation::inactive(inactive);
    match inactive {
        Inactive::Refused(refusal) => with_advice(known, refusal, Wanted::Access),
        Inactive::NotYours => known,
    }
}

/// What to do, where nobody authorizes anything: refresh, else log in.
fn with_advice(known: Reason, refusal: Refusal, wanted: Wanted) -> Reason {
    let explanation = match (refusal, wanted) {
        (Refusal::Forged, Wanted::Refresh) => {
            "Send the refresh_token exactly as it was received, to the realm that issued it."
        }
        (Refusal::Forged, Wanted::Access) => {
            "Send the access_token exactly as it was received, to the realm that issued it."
        }
        (Refusal::OtherClient, _) => "Send it with the Partner-Code and key of the partner that was given it.",
        (Refusal::Reused | Refusal::Spent, Wanted::Refresh) => {
            "Store each new pair before you use it, in one place for all workers; this grant was revoked: log in."
        }
        (Refusal::ClientEnded | Refusal::UserEnded, _) => "Ask the operator.",
        (
            Refusal::Unknown
            | Refusal::Expired
            | Refusal::Revoked
            | Refusal::GenerationRevoked
            | Refusal::StoreWentBack
            | Refusal::MembershipEnded
            | Refusal::RoleEnded
            | Refusal::ScopeRetired
            | Refusal::LastGeneration,
            Wanted::Refresh,
        ) => "Log in.",
        (
            Refusal::Reused
            | Refusal::Spent
            | Refusal::Unknown
            | Refusal::Expired
            | Refusal::Revoked
            | Refusal::GenerationRevoked
            | Refusal::StoreWentBack
            | Refusal::MembershipEnded
            | Refusal::RoleEnded
            | Refusal::ScopeRetired
            | Refusal::LastGeneration,
            Wanted::Access,
        ) => "Refresh with the newest refresh_token; log in if that is refused.",
        // There are no codes here.
        (Refusal::RedirectUri | Refusal::Verifier | Refusal::CodeSpent, _) => known.explanation,
    };
    Reason { explanation, ..known }
}

/// Why nobody was logged in.
pub(super) fn log_in(call: &Call, refusal: &PartnerLogInRefusal) -> Reason {
    match refusal {
        PartnerLogInRefusal::Client => Reason {
            name: "invalid_client",
            detail: refusal.to_string(),
            mistake: "a client_id or client_secret that is not this partner's",
            explanation: "Compare both with the table at /.",
        },
        PartnerLogInRefusal::Person(refusal) => explanation::log_in(refusal),
        PartnerLogInRefusal::Token(error) => token(call, error),
    }
}
