//! `/sandbox/tini/consent`: plays the super-app's consent sheet, for who builds a Tini App without one. GET shows the sheet, POST what
//! the callback of `my.getAuthCode` is given.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use kimbai_core::token::RequestFault;
use kimbai_engine::{AppCode, AppCodeRequest};
use kimbai_pages::{ClientCard, ConsentSheet, Language, PersonLine, ScopeLine, consent_sheet};
use url::form_urlencoded::Serializer;

use super::auth_code::AuthCode;
use crate::dialects::standard::error::{self, EndpointError};
use crate::dialects::standard::request::{FormKinds, read_form};
use crate::http::form::Form;
use crate::http::reply::{self, HttpFault, PageSources};
use crate::sandbox::{is_foreign, registered};
use crate::site::Call;

/// Where it is.
pub(super) const PATH: &str = "/sandbox/tini/consent";

/// What the sheet is shown with.
struct Shown {
    request: AppCodeRequest,
    user: Option<String>,
}

/// The URL of the sheet for what is asked for.
pub(super) fn url(issuer: &str, asked: &AppCodeRequest) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("client_id", &asked.client_id).append_pair("scopes", &asked.scopes.join(" "));
    format!("{}{PATH}?{}", issuer.trim_end_matches('/'), query.finish())
}

pub(super) async fn sheet(call: Call, body: Body) -> Response {
    let shown = match read(&call, body).await {
        Ok(shown) => shown,
        Err(error) => return error::endpoint(&call, &error),
    };
    let result = match &shown.user {
        None => None,
        Some(user) => match settle(&call, user, &shown.request).await {
            Ok(result) => Some(result),
            Err(error) => return error::endpoint(&call, &error),
        },
    };
    page(&call, &shown.request, result.as_deref())
        .unwrap_or_else(|| error::endpoint(&call, &RequestFault::Parameter("client_id").into()))
}

async fn read(call: &Call, body: Body) -> Result<Shown, EndpointError> {
    let mut form = match call.method {
        Method::GET | Method::HEAD => Form::decode(call.query())?,
        // Another site's page may not do this.
        Method::POST if is_foreign(call) => return Err(RequestFault::Parameter("Origin").into()),
        Method::POST => read_form(&call.headers, body, FormKinds::Urlencoded).await?,
        _ => return Err(HttpFault::Method("GET, HEAD, POST").into()),
    };
    let client_id = form.take("client_id")?.ok_or(RequestFault::Missing("client_id"))?;
    let scopes = form.take("scopes")?.unwrap_or_default();
    let scopes = scopes.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    let settled = if call.method == Method::POST { Some(settled(&mut form)?) } else { None };
    let (user, granted) = settled.unzip();
    Ok(Shown { request: AppCodeRequest { client_id, scopes, granted }, user })
}

/// Who has answered, and the scopes that are allowed.
fn settled(form: &mut Form) -> Result<(String, Vec<String>), EndpointError> {
    let granted = match form.take("decision")?.as_deref() {
        Some("allow") => form.all("granted").map(str::to_owned).collect(),
        Some("deny") => Vec::new(),
        Some(_) => return Err(RequestFault::Parameter("decision").into()),
        None => return Err(RequestFault::Missing("decision").into()),
    };
    Ok((form.take("user")?.ok_or(RequestFault::Missing("user"))?, granted))
}

/// What the callback is given, as JSON.
async fn settle(call: &Call, user: &str, request: &AppCodeRequest) -> Result<String, EndpointError> {
    let (engine, realm) = (&call.site.engine, &call.realm);
    let found = engine.user_by_name(realm, user).await.map_err(kimbai_engine::TokenError::from)?;
    let user = found.ok_or(RequestFault::Parameter("user"))?;
    match engine.app_code_for(realm, user, request).await {
        Ok(AppCode::Settled(code, consent)) => {
            let given = AuthCode::new(realm, code.as_ref(), &consent);
            Ok(serde_json::to_string_pretty(&given).unwrap_or_default())
        }
        Err(kimbai_engine::AppCodeError::Failed(failure)) => Err(kimbai_engine::TokenError::from(failure).into()),
        // Whatever else it is, no app has this id.
        Ok(AppCode::AskConsent(_)) | Err(_) => Err(RequestFault::Parameter("client_id").into()),
    }
}

/// The sheet; `None` without such a client.
fn page(call: &Call, request: &AppCodeRequest, result: Option<&str>) -> Option<Response> {
    let app = call.realm.client(&request.client_id)?;
    let frame = call.frame();
    let consent = call.realm.permitted(&app, &request.scopes);
    let is_granted = |name: &String| request.granted.as_ref().is_none_or(|granted| granted.contains(name));
    let scopes: Vec<_> = call
        .realm
        .scopes
        .definitions(consent.scope)
        .map(|scope| ScopeLine {
            name: &scope.name,
            description: match frame.language {
                Language::Vi => &scope.description_vi,
                Language::En => &scope.description_en,
            },
            optional: is_granted(&scope.name),
        })
        .collect();
    let people = registered(call).map(|registration| registration.users.as_slice()).unwrap_or_default();
    let people: Vec<_> = people
        .iter()
        .map(|user| PersonLine { username: user.username, password: user.password, name: user.name })
        .collect();
    let asked = request.scopes.join(" ");
    let metadata = &app.metadata;
    let client = ClientCard {
        name: &metadata.client_name,
        logo_uri: metadata.logo_uri.as_deref(),
        home_uri: metadata.client_uri.as_deref(),
    };
    let hidden = [("client_id", request.client_id.as_str()), ("scopes", asked.as_str())];
    let sheet = ConsentSheet { action: PATH, hidden: &hidden, client, scopes: &scopes, people: &people, result };
    let images = metadata.logo_uri.as_deref().and_then(kimbai_core::redirect_uri::origin_of).into_iter().collect();
    let sources = PageSources { images, ..PageSources::default() };
    Some(reply::page(StatusCode::OK, consent_sheet(&frame, &sheet), &sources))
}
