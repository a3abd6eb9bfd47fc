//! `POST /openapi/v1/auth/login`: a pair of tokens for the name and password of a person and the id and secret of the client.

use axum::body::Body;
use axum::response::Response;
use kimbai_core::number::ClientNumber;
use kimbai_engine::{LogInRefusal, OpenedEnvelope, PartnerRefusal, PasswordPlace, TokenAnswer, TokenError};

use super::wall::{Attempt, Counts, Failure, Pace};
use super::{error, request, response};
use crate::http::reply::HttpFault;
use crate::site::Call;

/// How a log-in ends that brings no tokens.
enum Refused {
    /// As all others.
    Wall(Failure),
    /// Everything was right: that may be said.
    TooManyGrants(PartnerRefusal, u32),
}

pub(super) async fn log_in(call: Call, body: Body) -> Response {
    let attempt = match Attempt::begin(&call, body, Pace::LogIn).await {
        Ok(attempt) => attempt,
        Err(response) => return response,
    };
    // Taken before the envelope is looked at, so that a full pool says nothing of one.
    let Some(place) = call.realm.password_place() else {
        return error::fault(HttpFault::Overloaded, call.realm.settings.error_form);
    };
    match answered(&attempt, place).await {
        Ok((envelope, tokens)) => response::tokens(&envelope, &tokens),
        Err(Refused::Wall(failure)) => attempt.refuse(failure),
        Err(Refused::TooManyGrants(refusal, wait_s)) => error::too_many_grants(&call, &refusal, wait_s),
    }
}

async fn answered(attempt: &Attempt<'_>, place: PasswordPlace) -> Result<(OpenedEnvelope, TokenAnswer), Refused> {
    let call = attempt.call;
    let mut envelope = attempt.open().map_err(Refused::Wall)?;
    let members = std::mem::take(&mut envelope.members);
    let log_in = request::log_in(members, place).map_err(|unread| Refused::Wall(unread.into()))?;
    let (engine, partner) = (&call.site.engine, &envelope.partner);
    match engine.partner_log_in(&call.realm, partner, log_in, call.source).await {
        Ok(tokens) => Ok((envelope, tokens)),
        Err(PartnerRefusal::TooManyGrants { wait_s }) => {
            Err(Refused::TooManyGrants(PartnerRefusal::TooManyGrants { wait_s }, wait_s))
        }
        Err(refusal) => {
            let counts = counts(&refusal, partner.number);
            Err(Refused::Wall(Failure { why: error::log_in(call, &refusal), counts }))
        }
    }
}

/// The client's secret proves a partner; that a person's password was wrong, or the account is locked, is then its failure.
const fn counts(refusal: &PartnerRefusal, partner: ClientNumber) -> Counts {
    match refusal {
        PartnerRefusal::Client => Counts::Source,
        PartnerRefusal::Person(LogInRefusal::Busy | LogInRefusal::Failed(_))
        | PartnerRefusal::TooManyGrants { .. }
        | PartnerRefusal::Token(TokenError::Failed(_)) => Counts::Nobody,
        PartnerRefusal::Person(LogInRefusal::Wrong | LogInRefusal::Wait(_) | LogInRefusal::Locked(_))
        | PartnerRefusal::Token(TokenError::Refused(_) | TokenError::Throttled(_)) => Counts::Partner(partner),
    }
}
