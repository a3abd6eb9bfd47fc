//! The schema: two root fields, both of a query, as the platform has them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, Error, ErrorExtensions as _, InputObject, InputValueError,
    InputValueResult, Object, Scalar, ScalarType, Schema, SimpleObject, Value,
};
use kimbai_core::request_signature::{Covered, SignedRequest, SigningInput};
use kimbai_core::secret::Secret;
use kimbai_core::token::{TokenGrant, TokenRequest};
use kimbai_engine::TokenAnswer;

use crate::dialects::tini::error::{Credential, Refused, WireError};
use crate::dialects::tini::{request, response, rest};
use crate::site::Call;

/// The root fields that exchange something; an operation has one of them.
pub(super) const TOKEN_FIELDS: [&str; 2] = ["get_auth_access_token", "refresh_auth_access_token"];

/// Beyond these a query is refused before it is carried out; those that ask for the schema itself are the deepest.
const DEPTH_MAX: usize = 16;
const COMPLEXITY_MAX: usize = 512;
const DIRECTIVES_MAX: usize = 4;

/// The schema, the same for all realms.
pub(super) static SCHEMA: LazyLock<Schema<Query, EmptyMutation, EmptySubscription>> = LazyLock::new(|| {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .limit_depth(DEPTH_MAX)
        .limit_recursive_depth(DEPTH_MAX)
        .limit_complexity(COMPLEXITY_MAX)
        .limit_directives(DIRECTIVES_MAX)
        .disable_suggestions()
        .finish()
});

/// Who asks, and why the token field was refused.
#[derive(Debug)]
pub(super) struct Asked {
    call: Call,
    refused: Mutex<Option<Refused>>,
}

/// Milliseconds since 1970: an integer that GraphQL's own 32 bits do not hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timestamp(i64);

/// What exchanges a code.
#[derive(InputObject)]
#[graphql(rename_fields = "snake_case")]
pub(super) struct GetAuthAccessTokenInput {
    code: String,
    client_id: String,
    timestamp: Timestamp,
    signature: String,
}

/// What exchanges a refresh token.
#[derive(InputObject)]
#[graphql(rename_fields = "snake_case")]
pub(super) struct RefreshAuthAccessTokenInput {
    refresh_token: String,
    client_id: String,
    timestamp: Timestamp,
    signature: String,
}

/// Tokens.
#[derive(SimpleObject)]
#[graphql(rename_fields = "snake_case")]
pub(super) struct AuthAccessToken {
    access_token: String,
    /// Null without the scope `offline`.
    refresh_token: Option<String>,
    /// Seconds that the access token still lives.
    expires_in: u32,
    scopes: Vec<String>,
}

/// What can be asked for.
pub(super) struct Query;

#[Object(rename_fields = "snake_case", rename_args = "snake_case")]
impl Query {
    /// Exchanges a code for tokens.
    async fn get_auth_access_token(
        &self,
        context: &Context<'_>,
        input: GetAuthAccessTokenInput,
    ) -> Option<Result<AuthAccessToken, Error>> {
        let GetAuthAccessTokenInput { code, client_id, timestamp, signature } = input;
        let signed = signed((client_id, timestamp, signature), ("code", &code));
        let grant = TokenGrant::AuthorizationCode { code: Secret::new(code), redirect_uri: None, code_verifier: None };
        Some(exchange(context, signed, grant, Credential::Code).await)
    }

    /// Exchanges a refresh token for new tokens.
    async fn refresh_auth_access_token(
        &self,
        context: &Context<'_>,
        input: RefreshAuthAccessTokenInput,
    ) -> Option<Result<AuthAccessToken, Error>> {
        let RefreshAuthAccessTokenInput { refresh_token, client_id, timestamp, signature } = input;
        let signed = signed((client_id, timestamp, signature), ("refresh_token", &refresh_token));
        let grant = TokenGrant::RefreshToken { refresh_token: Secret::new(refresh_token), scope: None };
        Some(exchange(context, signed, grant, Credential::RefreshToken).await)
    }
}

#[Scalar(name = "Timestamp")]
impl ScalarType for Timestamp {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = if let Value::Number(number) = &value { number.as_i64() } else { None };
        let timestamp = number.filter(|timestamp| *timestamp >= 0).map(Self);
        timestamp.ok_or_else(|| {
            InputValueError::custom("a whole number of milliseconds since 1970, without quotation marks")
        })
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

/// Version 1: over the fields of the input, however they were written.
fn signed(
    (client_id, timestamp, signature): (String, Timestamp, String),
    (name, value): (&str, &str),
) -> SignedRequest {
    let fields = BTreeMap::from([(name.to_owned(), value.into())]);
    let input = SigningInput { client_id, timestamp_ms: timestamp.0, covered: Covered::Fields(fields) };
    SignedRequest { input, signature }
}

async fn exchange(
    context: &Context<'_>,
    signed: SignedRequest,
    grant: TokenGrant,
    brought: Credential,
) -> Result<AuthAccessToken, Error> {
    let asked = context.data::<Arc<Asked>>()?;
    let request = TokenRequest { credentials: request::credentials(signed), grant };
    match rest::answer(&asked.call, &request, brought).await {
        Ok(tokens) => Ok(asked.tokens(&tokens)),
        Err(refused) => Err(asked.refuse(refused)),
    }
}

impl Asked {
    pub(super) fn new(call: Call) -> Self {
        Self { call, refused: Mutex::default() }
    }

    /// Why the token field was refused, if it was.
    pub(super) fn refused(&self) -> Option<Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn tokens(&self, tokens: &TokenAnswer) -> AuthAccessToken {
        AuthAccessToken {
            access_token: tokens.access_token.expose().to_owned(),
            refresh_token: tokens.refresh_token.as_ref().map(|token| token.expose().to_owned()),
            expires_in: tokens.expires_in_s,
            scopes: response::scopes(&self.call.realm, tokens.scope).into_iter().map(str::to_owned).collect(),
        }
    }

    fn refuse(&self, refused: Refused) -> Error {
        let WireError { status, reason, message, .. } = refused.wire;
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
        Error::new(message).extend_with(|_, extensions| {
            extensions.set("reason", reason);
            extensions.set("code", status.as_u16());
        })
    }
}
