//! `GET /com/shop.json`, a sample of the platform's interfaces: the shop that a token opens. And which shop a request is at.
//!
//! Sources: the platform's public documentation (`apis.haravan.com/com/shop.json`, Bearer) and its SDKs (`X-Haravan-Access-Token`).

use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderName, Method, StatusCode};
use kimbai_core::secret::Secret;
use kimbai_core::token::{Inactive, Refusal};
use kimbai_engine::{Introspection, LegacyToken, LegacyTokenRefusal, TokenFacts};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::error::{self, Refused};
use crate::dialects::standard::bearer;
use crate::http::reply::{self, HttpFault};
use crate::site::{Audience, Call};

const LEGACY_HEADER: HeaderName = HeaderName::from_static("x-haravan-access-token");
/// Names a shop in the sandbox, for clients that cannot choose their host.
const SHOP_HEADER: HeaderName = HeaderName::from_static("x-kimbai-shop");

/// The label of a shop; there need not be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shop(pub(super) String);

/// Why a request is at no shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAtShop {
    #[error("the request names no shop")]
    Unnamed,
    #[error("there is no such shop")]
    Unknown,
    #[error("the host and X-Kimbai-Shop name different shops")]
    TwoShops,
}

#[derive(Serialize)]
struct Envelope<'a> {
    shop: View<'a>,
    /// What the access token allows; a legacy token does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<&'a str>>,
}

#[derive(Serialize)]
struct View<'a> {
    id: Value,
    name: &'a str,
    domain: String,
}

/// What a shop is known by.
struct Known {
    label: String,
    org_id: String,
    name: String,
}

/// The shop that the presented token opens.
pub(super) async fn shop(call: Call) -> Response {
    match answer(&call).await {
        Ok(response) => response,
        Err(refused) => error::render(&call, &refused),
    }
}

/// The shop that a request names: by its host, and in the sandbox by a header.
pub(super) fn named(call: &Call) -> Result<Option<Shop>, Refused> {
    let of_host = call.organization.clone();
    let mut headers = match call.site.audience {
        Audience::Production => return Ok(of_host.map(Shop)),
        Audience::Sandbox(_) | Audience::Bench => call.headers.get_all(SHOP_HEADER).iter(),
    };
    let Some(first) = headers.next() else { return Ok(of_host.map(Shop)) };
    let of_header = first.to_str().map(str::to_ascii_lowercase).unwrap_or_default();
    let is_one = headers.next().is_none() && of_host.is_none_or(|label| label == of_header);
    if is_one { Ok(Some(Shop(of_header))) } else { Err(Refused::NotAtShop(NotAtShop::TwoShops)) }
}

/// Why there is no such shop, if there is none.
pub(super) async fn known(call: &Call, label: &str) -> Result<Option<NotAtShop>, Refused> {
    let found = call.site.engine.organization_by_label(&call.realm, label).await.map_err(Refused::Failed)?;
    Ok(if found.is_some() { None } else { Some(NotAtShop::Unknown) })
}

/// The legacy token that was presented, at the host of this shop or elsewhere.
pub(super) async fn legacy_token(call: &Call, token: &Secret, label: Option<&str>) -> Result<LegacyToken, Refused> {
    let found = call.site.engine.legacy_token(&call.realm, token, label).await.map_err(Refused::Failed)?;
    match (found, label) {
        (Ok(legacy), _) => Ok(legacy),
        (Err(LegacyTokenRefusal::Unknown | LegacyTokenRefusal::OtherOrganization), Some(label))
            if known(call, label).await?.is_some() =>
        {
            Err(Refused::NotAtShop(NotAtShop::Unknown))
        }
        (Err(refusal), _) => Err(Refused::LegacyToken(refusal)),
    }
}

async fn answer(call: &Call) -> Result<Response, Refused> {
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return Err(Refused::Http(HttpFault::Method("GET, HEAD")));
    }
    let label = named(call)?.map(|Shop(label)| label);
    let (in_authorization, in_legacy_header) = (bearer(&call.headers, &AUTHORIZATION), legacy_header(call)?);
    let token = match (in_authorization, in_legacy_header) {
        (Ok(Some(token)), None) => token,
        (Ok(None), Some(token)) => {
            let legacy = legacy_token(call, &token, label.as_deref()).await?;
            return Ok(render(call, &of_legacy(legacy), None));
        }
        (Ok(None), None) | (Ok(Some(_)), Some(_)) | (Err(_), _) => return Err(Refused::NoToken),
    };
    match call.site.engine.verify_access_token(&call.realm, &token).await.map_err(Refused::Failed)? {
        Introspection::Active(facts) => {
            let shop = of_access_token(call, &facts, label.as_deref()).await?;
            Ok(render(call, &shop, Some(&facts)))
        }
        // It is none of ours: perhaps it is one of the older system.
        Introspection::Inactive(Inactive::Refused(Refusal::Forged)) => {
            let legacy = legacy_token(call, &token, label.as_deref()).await?;
            Ok(render(call, &of_legacy(legacy), None))
        }
        Introspection::Inactive(inactive) => {
            if let Inactive::Refused(refusal) = inactive {
                call.site.metrics.count_grant_refusal(refusal);
            }
            Err(Refused::AccessToken(inactive))
        }
    }
}

/// The one header of this name, whose value is the token.
fn legacy_header(call: &Call) -> Result<Option<Secret>, Refused> {
    let mut values = call.headers.get_all(LEGACY_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let token = value.to_str().map_err(|_| Refused::NoToken)?;
            Ok(Some(Secret::new(token.to_owned())))
        }
        (Some(_), Some(_)) => Err(Refused::NoToken),
    }
}

/// The shop for which an access token was given, if it is the one whose host this is.
async fn of_access_token(call: &Call, facts: &TokenFacts, label: Option<&str>) -> Result<Known, Refused> {
    let found = call.site.engine.organization(&call.realm, facts.organization).await.map_err(Refused::Failed)?;
    let shop = found.ok_or(Refused::NoOrganization)?;
    if label.is_some_and(|label| label != shop.label) {
        return Err(Refused::LegacyToken(LegacyTokenRefusal::OtherOrganization));
    }
    Ok(Known { label: shop.label, org_id: shop.org_id, name: shop.name })
}

fn of_legacy(legacy: LegacyToken) -> Known {
    let shop = legacy.organization;
    Known { label: shop.label, org_id: shop.org_id, name: shop.name }
}

fn render(call: &Call, shop: &Known, facts: Option<&TokenFacts>) -> Response {
    let scopes =
        facts.map(|facts| call.realm.scopes.definitions(facts.scope).map(|scope| scope.name.as_str()).collect());
    let view = View { id: id(&shop.org_id), name: &shop.name, domain: domain(call, &shop.label) };
    // Strings and numbers are always written.
    reply::json(StatusCode::OK, serde_json::to_string(&Envelope { shop: view, scopes }).unwrap_or_default())
}

/// The platform's ids of shops are integers. One that is no integer stays a string: no two shops have one id.
fn id(org_id: &str) -> Value {
    let number = org_id.parse::<u64>().ok().filter(|number| number.to_string() == org_id);
    number.map_or_else(|| Value::from(org_id), Value::from)
}

/// The shop's host.
fn domain(call: &Call, label: &str) -> String {
    let settings = &call.realm.settings;
    let suffix = settings.host_suffix.as_deref().unwrap_or_default();
    let port = Url::parse(&settings.issuer).ok().and_then(|issuer| issuer.port());
    port.map_or_else(|| format!("{label}{suffix}"), |port| format!("{label}{suffix}:{port}"))
}
