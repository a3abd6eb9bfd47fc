//! `POST /openapi/v1/auth/refresh`: the next pair of tokens for a refresh token. The envelope proves the partner.

use axum::body::Body;
use axum::response::Response;
use kimbai_core::token::Note;
use kimbai_engine::{OpenedEnvelope, TokenAnswer, TokenError};

use super::mistake::{Suspect, Wanted};
use super::wall::{Attempt, Counts, Failure, Pace};
use super::{error, request, response};
use crate::site::Call;

pub(super) async fn refresh(call: Call, body: Body) -> Response {
    let attempt = match Attempt::begin(&call, body, Pace::Refresh).await {
        Ok(attempt) => attempt,
        Err(response) => return response,
    };
    match answered(&attempt).await {
        Ok((envelope, tokens)) => {
            if tokens.note == Some(Note::Retried) {
                call.site.metrics.count_retry();
            }
            attempt.done();
            response::tokens(&envelope, &tokens)
        }
        Err(failure) => attempt.refuse(failure),
    }
}

async fn answered(attempt: &Attempt<'_>) -> Result<(OpenedEnvelope, TokenAnswer), Failure> {
    let call = attempt.call;
    let mut envelope = attempt.open()?;
    let mut members = std::mem::take(&mut envelope.members);
    let token = match request::refresh_token(&mut members) {
        Ok(token) => token,
        Err(unread) => return Err(Failure::of_members(unread, members)),
    };
    match call.site.engine.partner_refresh(&call.realm, &envelope.partner, token.clone(), call.source).await {
        Ok(tokens) => Ok((envelope, tokens)),
        Err(refused) => {
            let counts = counts(&refused);
            let why = error::token(call, &refused);
            Err(Failure { why, suspect: Suspect::Token(token, Wanted::Refresh), counts })
        }
    }
}

const fn counts(refused: &TokenError) -> Counts {
    match refused {
        TokenError::Refused(_) | TokenError::Throttled(_) => Counts::Caller,
        TokenError::Failed(_) => Counts::Nobody,
    }
}
