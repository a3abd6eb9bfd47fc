//! `POST /openapi/v1/qr`: a sample of the platform's APIs. The access token and `Partner-Code` must agree; then the envelope is opened,
//! and nothing in it is looked at.

use axum::body::Body;
use axum::response::Response;
use kimbai_core::client::Client;
use kimbai_core::number::{ClientNumber, UserNumber};
use kimbai_core::token::{Inactive, Refusal};
use kimbai_engine::{EngineError, Introspection};

use super::wall::{Attempt, Counts, Failure, Pace};
use super::{error, request, response};
use crate::explanation;
use crate::http::front::Reason;
use crate::site::Call;

pub(super) async fn qr(call: Call, body: Body) -> Response {
    let attempt = match Attempt::begin(&call, body, Pace::Refresh).await {
        Ok(attempt) => attempt,
        Err(response) => return response,
    };
    // Without a token nobody comes to the envelope. A token that has expired is no guess: partners log in anew when they see this.
    let (partner, user) = match bearer(&call).await {
        Ok(known) => known,
        Err(why) => return attempt.refuse(Failure { why, counts: Counts::Nobody }),
    };
    let envelope = match attempt.open() {
        Ok(envelope) => envelope,
        Err(failure) => return attempt.refuse(Failure { counts: Counts::Partner(partner), ..failure }),
    };
    match call.site.engine.username(&call.realm, user).await {
        Ok(Some(username)) => {
            let partner_code = envelope.partner.partner().map_or("", |partner| partner.partner_code.as_str());
            response::json(&envelope, &response::Sample { partner_code, username: &username })
        }
        Ok(None) => {
            let why = explanation::inactive(Inactive::Refused(Refusal::UserEnded));
            attempt.refuse(Failure { why, counts: Counts::Nobody })
        }
        Err(failure) => attempt.refuse(Failure { why: failed(&call, failure), counts: Counts::Nobody }),
    }
}

/// The partner and the person that a token was issued to and for.
async fn bearer(call: &Call) -> Result<(ClientNumber, UserNumber), Reason> {
    let inactive = |refusal| explanation::inactive(Inactive::Refused(refusal));
    let token = request::bearer(&call.headers).ok_or_else(|| inactive(Refusal::Forged))?;
    let facts = match call.site.engine.verify_access_token(&call.realm, &token).await {
        Ok(Introspection::Active(facts)) => facts,
        Ok(Introspection::Inactive(found)) => return Err(explanation::inactive(found)),
        Err(failure) => return Err(failed(call, failure)),
    };
    let code = request::partner_code(&call.headers).map_err(error::unread)?;
    let named = |client: &Client| client.partner().is_some_and(|partner| partner.partner_code == code);
    if !named(&facts.client) {
        return Err(inactive(Refusal::OtherClient));
    }
    Ok((facts.client.number, facts.user.ok_or_else(|| inactive(Refusal::Forged))?))
}

fn failed(call: &Call, failure: EngineError) -> Reason {
    error::token(call, &failure.into())
}
