//! The REST generations: 2 and 3 below `/api/v1`, 4 without it. One behaviour; they differ in where the signature may be.

use axum::body::Body;
use axum::response::Response;
use kimbai_core::token::{Note, TokenRequest};
use kimbai_engine::{Introspection, TokenError};

use super::error::{self, Credential, Refused};
use super::request::{self, Posted, Versions};
use super::response;
use crate::http::json;
use crate::http::reply::HttpFault;
use crate::site::Call;

/// Generations 2 and 3: `{prefix}/api/v1/oauth/…`.
pub(super) mod v1 {
    use super::{Body, Call, Response, Versions};

    pub(in crate::dialects::tini) async fn token(call: Call, body: Body) -> Response {
        super::token(call, body, Versions::BodyOrHeaders).await
    }

    pub(in crate::dialects::tini) async fn refresh(call: Call, body: Body) -> Response {
        super::refresh(call, body, Versions::BodyOrHeaders).await
    }

    pub(in crate::dialects::tini) async fn me(call: Call, body: Body) -> Response {
        super::me(call, body, Versions::BodyOrHeaders).await
    }
}

/// Generation 4: `{prefix}/oauth/…`.
pub(super) mod current {
    use super::{Body, Call, Response, Versions};

    pub(in crate::dialects::tini) async fn token(call: Call, body: Body) -> Response {
        super::token(call, body, Versions::Headers).await
    }

    pub(in crate::dialects::tini) async fn refresh(call: Call, body: Body) -> Response {
        super::refresh(call, body, Versions::Headers).await
    }

    pub(in crate::dialects::tini) async fn me(call: Call, body: Body) -> Response {
        super::me(call, body, Versions::Headers).await
    }
}

/// Exchanges a code.
async fn token(call: Call, body: Body, versions: Versions) -> Response {
    match posted(&call, body, versions).await {
        Ok(posted) => {
            let grant = posted.code();
            exchange(&call, TokenRequest { credentials: posted.credentials, grant }, Credential::Code).await
        }
        Err(refused) => refused,
    }
}

/// Refreshes.
async fn refresh(call: Call, body: Body, versions: Versions) -> Response {
    match posted(&call, body, versions).await {
        Ok(posted) => {
            let grant = posted.refresh_token();
            exchange(&call, TokenRequest { credentials: posted.credentials, grant }, Credential::RefreshToken).await
        }
        Err(refused) => refused,
    }
}

/// Tells an app whom an access token speaks for, if it was issued to the app.
async fn me(call: Call, body: Body, versions: Versions) -> Response {
    let posted = match posted(&call, body, versions).await {
        Ok(posted) => posted,
        Err(refused) => return refused,
    };
    let (engine, realm) = (&call.site.engine, &call.realm);
    let refused = match engine.own_access_token(realm, &posted.credentials, &posted.access_token()).await {
        Ok(Introspection::Active(facts)) => match facts.user {
            Some(user) => match engine.user_claims(realm, user).await {
                Ok(claims) => return response::me(realm, facts.scope, &claims),
                Err(failure) => error::failed(&failure),
            },
            None => error::inactive(&call, error::OTHER_TOKEN),
        },
        Ok(Introspection::Inactive(inactive)) => error::inactive(&call, inactive),
        Err(error) => error::token(&call, &posted.credentials, &error, Credential::AccessToken),
    };
    error::render(refused)
}

async fn posted(call: &Call, body: Body, versions: Versions) -> Result<Posted, Response> {
    let body = json::read(&call.method, &call.headers, body).await.map_err(|fault: HttpFault| fault_of(call, fault))?;
    request::posted(&call.headers, &body, versions).map_err(|unsigned| error::render(error::unsigned(unsigned)))
}

fn fault_of(call: &Call, fault: HttpFault) -> Response {
    error::fault(fault, call.realm.settings.error_form)
}

async fn exchange(call: &Call, request: TokenRequest, brought: Credential) -> Response {
    match answer(call, &request, brought).await {
        Ok(tokens) => {
            let customer = match (brought, tokens.user) {
                // The tokens are issued: that their owner cannot be read now must not lose them.
                (Credential::Code, Some(user)) => call.site.engine.user_claims(&call.realm, user).await.ok(),
                (Credential::Code | Credential::RefreshToken | Credential::AccessToken, _) => None,
            };
            response::tokens(&call.realm, &tokens, customer.as_ref())
        }
        Err(refused) => error::render(refused),
    }
}

/// Asks the engine, and counts what it says.
pub(super) async fn answer(
    call: &Call,
    request: &TokenRequest,
    brought: Credential,
) -> Result<kimbai_engine::TokenAnswer, Refused> {
    let answered: Result<_, TokenError> = call.site.engine.token(&call.realm, request, call.source).await;
    let tokens = answered.map_err(|error| error::token(call, &request.credentials, &error, brought))?;
    if tokens.note == Some(Note::Retried) {
        call.site.metrics.count_retry();
    }
    Ok(tokens)
}
