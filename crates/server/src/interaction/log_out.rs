//! Log-out that a client asks for (OpenID Connect RP-Initiated Logout sections 2 and 3).
//!
//! A valid ID token of this very session ends it at once; everybody else is shown a page that asks. A POST leads to our own GET,
//! because a cross-site POST brings no Lax cookie; the page that asks posts here too, and what it posts counts with its session's
//! cookie alone.

use axum::body::Body;
use axum::response::Response;
use http::header::SET_COOKIE;
use http::{Method, StatusCode};
use kimbai_engine::{LogOutRefusal, LogOutRequest, LogOutTerms, SignedIn};
use kimbai_pages::Logout;
use url::form_urlencoded::Serializer;

use super::error_page;
use super::render::form_target;
use crate::dialects::standard::error::EndpointError;
use crate::dialects::standard::request::{FormKinds, read_form};
use crate::http::cookie::{Cookies, clear_session};
use crate::http::form::Form;
use crate::http::reply::{self, HttpFault, PageSources};
use crate::site::Call;

/// What a request at the endpoint is.
enum Asked {
    /// A client's.
    ByClient(LogOutRequest),
    /// A client's POST, on its way to our GET.
    OnItsWay(String),
    /// The form of the page that asks.
    Confirmed(Option<String>),
}

/// The end session endpoint.
pub(crate) async fn log_out(call: Call, body: Body) -> Response {
    let (asked, wish) = match read(&call, body).await {
        Ok(asked) => asked,
        Err(error) => return error_page::unreadable(&call, &error),
    };
    let engine = &call.site.engine;
    let signed_in = match engine.signed_in(&call.realm, Cookies::read(&call.headers, &call.realm).session).await {
        Ok(signed_in) => signed_in,
        Err(failure) => return error_page::failed(&call, &failure),
    };
    let (realm, now) = (&call.realm, engine.now());
    match asked {
        Asked::ByClient(request) => match engine.log_out_terms(realm, &request).await {
            Ok(Ok(terms)) if call.method == Method::POST => {
                reply::see_other(&own_get(&call, Some(&terms), wish.as_deref()))
            }
            Ok(Ok(terms)) => ask_or_end(&call, signed_in.as_ref(), (&terms, wish.as_deref())).await,
            Ok(Err(refusal)) => error_page::log_out(&call, refusal),
            Err(failure) => error_page::failed(&call, &failure),
        },
        Asked::OnItsWay(sealed) => match realm.open_log_out(&sealed, None, now) {
            Some(terms) => ask_or_end(&call, signed_in.as_ref(), (&terms, wish.as_deref())).await,
            None => error_page::log_out(&call, LogOutRefusal::Malformed),
        },
        Asked::Confirmed(sealed) => {
            let sealed = sealed.unwrap_or_default();
            let shown_to = |signed_in: &SignedIn| realm.open_log_out(&sealed, Some(&signed_in.secret), now);
            match signed_in.as_ref().and_then(shown_to) {
                Some(terms) => end(&call, signed_in.as_ref(), &terms).await,
                // Stale, another browser's, or from another site, without the cookie: our own GET brings it, and asks.
                None => reply::see_other(&own_get(&call, realm.stale_log_out(&sealed).as_ref(), wish.as_deref())),
            }
        }
    }
}

/// What is asked, and in which languages.
async fn read(call: &Call, body: Body) -> Result<(Asked, Option<String>), EndpointError> {
    let mut form = match call.method {
        Method::GET => Form::decode(call.query())?,
        Method::POST => {
            let mut form = read_form(&call.headers, body, FormKinds::Urlencoded).await?;
            let mut query = Form::decode(call.query())?;
            if form.occurrences("logout") > 0 {
                return Ok((Asked::Confirmed(form.take("continuation")?), wish(&mut query)));
            }
            query.joined(form)?
        }
        // HEAD among them: a GET may end a session, and HEAD must not (RFC 9110 section 9.2.1).
        _ => return Err(HttpFault::Method("GET, POST").into()),
    };
    let wish = wish(&mut form);
    if call.method == Method::GET
        && let Some(sealed) = form.take("request")?
    {
        return Ok((Asked::OnItsWay(sealed), wish));
    }
    let request = LogOutRequest {
        id_token_hint: form.parameter("id_token_hint"),
        client_id: form.parameter("client_id"),
        post_logout_redirect_uri: form.parameter("post_logout_redirect_uri"),
        state: form.parameter("state"),
    };
    Ok((Asked::ByClient(request), wish))
}

/// `ui_locales`; one that is repeated says nothing.
fn wish(form: &mut Form) -> Option<String> {
    form.take("ui_locales").ok().flatten()
}

/// Our own GET that goes on with what was read; without it, one that asks as if nobody had said anything.
fn own_get(call: &Call, terms: Option<&LogOutTerms>, wish: Option<&str>) -> String {
    let sealed = terms.map(|terms| call.realm.seal_log_out(terms, None, call.site.engine.now()));
    with_query(call.uri.path(), [("request", sealed.as_deref()), ("ui_locales", wish)])
}

async fn ask_or_end(
    call: &Call,
    signed_in: Option<&SignedIn>,
    (terms, wish): (&LogOutTerms, Option<&str>),
) -> Response {
    let client = terms.client_id.as_deref().and_then(|client_id| call.realm.client(client_id));
    let sid = |signed_in: &SignedIn| client.as_ref().map(|client| call.realm.sid(client, &signed_in.secret));
    match signed_in {
        Some(signed_in) if terms.session.is_none() || terms.session != sid(signed_in) => {
            let client_name = client.as_ref().map(|client| client.metadata.client_name.as_str());
            ask(call, (signed_in, client_name), (terms, wish)).await
        }
        Some(_) => end(call, signed_in, terms).await,
        // Nobody is there to be asked, and without a hint nobody says that the client sent them.
        None if !terms.is_hinted => end(call, None, &LogOutTerms { target: None, ..terms.clone() }).await,
        None => end(call, None, terms).await,
    }
}

async fn ask(
    call: &Call,
    (signed_in, client_name): (&SignedIn, Option<&str>),
    (terms, wish): (&LogOutTerms, Option<&str>),
) -> Response {
    let user_name = match call.site.engine.user_name(&call.realm, signed_in.user()).await {
        Ok(user_name) => user_name,
        Err(failure) => return error_page::failed(call, &failure),
    };
    let continuation = call.realm.seal_log_out(terms, Some(&signed_in.secret), call.site.engine.now());
    let html = kimbai_pages::logout(
        &call.frame(),
        &Logout {
            action: &with_query(call.uri.path(), [("ui_locales", wish)]),
            hidden: &[("continuation", &continuation)],
            user_name: &user_name,
            client_name,
        },
    );
    let target = terms.target.as_ref().map(|(uri, _)| uri.as_str());
    let form_target = target.and_then(form_target);
    reply::page(StatusCode::OK, html, &PageSources { form_target, ..PageSources::default() })
}

async fn end(call: &Call, signed_in: Option<&SignedIn>, terms: &LogOutTerms) -> Response {
    if let Some(signed_in) = signed_in
        && let Err(failure) = call.site.engine.log_out(&call.realm, signed_in).await
    {
        return error_page::failed(call, &failure);
    }
    let mut response = match &terms.target {
        Some((uri, state)) => reply::see_other(&with_query(uri, [("state", state.as_deref())])),
        None => reply::page(StatusCode::OK, kimbai_pages::logged_out(&call.frame()), &PageSources::default()),
    };
    // A browser that sent none may have one all the same: a POST of another site does not bring it.
    let had_cookie = Cookies::read(&call.headers, &call.realm).session.is_some();
    if let Some(cookie) = clear_session(&call.realm).filter(|_| had_cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A URI with these parameters beside its own, as far as they have values.
fn with_query<const N: usize>(uri: &str, parameters: [(&str, Option<&str>); N]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    match (query.is_empty(), uri.contains('?')) {
        (true, _) => uri.to_owned(),
        (false, true) => format!("{uri}&{query}"),
        (false, false) => format!("{uri}?{query}"),
    }
}
