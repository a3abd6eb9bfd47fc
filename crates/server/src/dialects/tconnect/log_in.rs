//! `POST /openapi/v1/auth/login`: a pair of tokens for the name and password of a person and the id and secret of the client.

use axum::body::Body;
use axum::response::Response;
use kimbai_engine::{
    LogInRefusal, OpenedEnvelope, PartnerLogInRefusal as LogInFailure, PartnerRefusal, PasswordPlace, TokenAnswer,
    TokenError,
};

use super::mistake::Suspect;
use super::wall::{Attempt, Counts, Failure, Pace, overloaded};
use super::{error, request, response};
use crate::site::Call;

/// How a log-in ends that brings no tokens.
enum Refused {
    /// As all others.
    Wall(Failure),
    /// Everything was right: that may be said. After so many seconds there is room.
    TooManyGrants { wait_s: u32 },
}

pub(super) async fn log_in(call: Call, body: Body) -> Response {
    let attempt = match Attempt::begin(&call, body, Pace::LogIn).await {
        Ok(attempt) => attempt,
        Err(response) => return response,
    };
    // Taken before the envelope is looked at, so that a full pool says nothing of one.
    let Some(place) = call.realm.password_place() else {
        attempt.done();
        return overloaded(&call);
    };
    match answered(&attempt, place).await {
        Ok((envelope, tokens)) => {
            attempt.done();
            response::tokens(&envelope, &tokens)
        }
        Err(Refused::Wall(failure)) => attempt.refuse(failure),
        Err(Refused::TooManyGrants { wait_s }) => {
            attempt.done();
            error::too_many_grants(wait_s)
        }
    }
}

async fn answered(attempt: &Attempt<'_>, place: PasswordPlace) -> Result<(OpenedEnvelope, TokenAnswer), Refused> {
    let call = attempt.call;
    let mut envelope = attempt.open().map_err(Refused::Wall)?;
    let mut members = std::mem::take(&mut envelope.members);
    let log_in = match request::log_in(&mut members, place) {
        Ok(log_in) => log_in,
        Err(unread) => return Err(Refused::Wall(Failure::of_members(unread, members))),
    };
    match call.site.engine.partner_log_in(&call.realm, &envelope.partner, log_in, call.source).await {
        Ok(tokens) => Ok((envelope, tokens)),
        Err(PartnerRefusal::TooManyGrants { wait_s }) => Err(Refused::TooManyGrants { wait_s }),
        Err(PartnerRefusal::Refused(refusal)) => {
            let (why, counts) = (error::log_in(call, &refusal), counts(&refusal));
            Err(Refused::Wall(Failure { why, suspect: Suspect::Nothing, counts }))
        }
    }
}

/// Who must wait has not been judged, and a partner with a locked person has not failed by it.
const fn counts(refusal: &LogInFailure) -> Counts {
    match refusal {
        LogInFailure::Person(
            LogInRefusal::Busy | LogInRefusal::Failed(_) | LogInRefusal::Wait(_) | LogInRefusal::Locked(_),
        )
        | LogInFailure::Token(TokenError::Failed(_)) => Counts::Nobody,
        LogInFailure::Client
        | LogInFailure::Person(LogInRefusal::Wrong)
        | LogInFailure::Token(TokenError::Refused(_) | TokenError::Throttled(_)) => Counts::Caller,
    }
}
