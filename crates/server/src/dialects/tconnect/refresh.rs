//! `POST /openapi/v1/auth/refresh`: the next pair of tokens for a refresh token. The envelope proves the partner.

use axum::body::Body;
use axum::response::Response;
use kimbai_core::number::ClientNumber;
use kimbai_core::token::{Note, Refusal, TokenRefusal};
use kimbai_engine::{OpenedEnvelope, TokenAnswer, TokenError};

use super::wall::{Attempt, Counts, Failure, Pace};
use super::{error, mistake, request, response};
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
            response::tokens(&envelope, &tokens)
        }
        Err(failure) => attempt.refuse(failure),
    }
}

async fn answered(attempt: &Attempt<'_>) -> Result<(OpenedEnvelope, TokenAnswer), Failure> {
    let call = attempt.call;
    let mut envelope = attempt.open()?;
    let token = request::refresh_token(std::mem::take(&mut envelope.members))?;
    let (engine, partner) = (&call.site.engine, &envelope.partner);
    match engine.partner_refresh(&call.realm, partner, token.clone(), call.source).await {
        Ok(tokens) => Ok((envelope, tokens)),
        Err(refused) => {
            let counts = counts(&refused, partner.number);
            let why = mistake::of_token(&token, error::token(call, &refused));
            Err(Failure { why, counts })
        }
    }
}

/// A token that the partner was given proves it: that cannot be forged, an envelope can.
const fn counts(refused: &TokenError, partner: ClientNumber) -> Counts {
    match refused {
        TokenError::Refused(TokenRefusal::Grant(Refusal::Forged | Refusal::OtherClient)) => Counts::Source,
        TokenError::Refused(_) | TokenError::Throttled(_) => Counts::Partner(partner),
        TokenError::Failed(_) => Counts::Nobody,
    }
}
