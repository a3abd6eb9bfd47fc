//! `POST /openapi/v1/qr`: a sample of the platform's APIs. The access token and `Partner-Code` must agree; then the envelope is opened,
//! and nothing in it is looked at.

use axum::body::Body;
use axum::response::Response;
use kimbai_core::client::Client;
use kimbai_core::number::UserNumber;
use kimbai_core::token::{Inactive, Refusal};
use kimbai_engine::{EngineError, Introspection};

use super::mistake::{Suspect, Wanted};
use super::wall::{Attempt, Counts, Failure};
use super::{error, request, response};
use crate::site::Call;

pub(super) async fn qr(call: Call, body: Body) -> Response {
    let attempt = match Attempt::begin_with_token(&call, body).await {
        Ok(attempt) => attempt,
        Err(response) => return response,
    };
    match answered(&attempt).await {
        Ok(response) => {
            attempt.done();
            response
        }
        // A token that has expired is no guess: partners log in anew when they see this.
        Err(failure) => attempt.refuse(Failure { counts: Counts::Nobody, ..failure }),
    }
}

async fn answered(attempt: &Attempt<'_>) -> Result<Response, Failure> {
    let call = attempt.call;
    // Without a token nobody comes to the envelope.
    let user = bearer(call).await?;
    let envelope = attempt.open()?;
    match call.site.engine.username(&call.realm, user).await {
        Ok(Some(username)) => {
            let partner_code = envelope.partner.partner().map_or("", |partner| partner.partner_code.as_str());
            Ok(response::json(&envelope, &response::Sample { partner_code, username: &username }))
        }
        Ok(None) => Err(inactive(Inactive::Refused(Refusal::UserEnded), Suspect::Nothing)),
        Err(failure) => Err(failed(call, failure)),
    }
}

/// The person for whom the named partner's token was issued.
async fn bearer(call: &Call) -> Result<UserNumber, Failure> {
    let token = request::bearer(&call.headers)?;
    let refused = |refusal| inactive(Inactive::Refused(refusal), Suspect::Nothing);
    let facts = match call.site.engine.verify_access_token(&call.realm, &token).await {
        Ok(Introspection::Active(facts)) => facts,
        Ok(Introspection::Inactive(found)) => return Err(inactive(found, Suspect::Token(token, Wanted::Access))),
        Err(failure) => return Err(failed(call, failure)),
    };
    let code = request::partner_code(&call.headers)?;
    let named = |client: &Client| client.partner().is_some_and(|partner| partner.partner_code == code);
    if !named(&facts.client) {
        return Err(refused(Refusal::OtherClient));
    }
    facts.user.ok_or_else(|| refused(Refusal::Forged))
}

fn inactive(found: Inactive, suspect: Suspect) -> Failure {
    Failure { why: error::inactive(found), suspect, counts: Counts::Nobody }
}

fn failed(call: &Call, failure: EngineError) -> Failure {
    Failure { why: error::token(call, &failure.into()), suspect: Suspect::Nothing, counts: Counts::Nobody }
}
