//! Turning what the engine asks for into pages, with the cookies and forms that belong to them.

use axum::response::Response;
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode};
use kimbai_core::authorize::AuthorizationRequest;
use kimbai_core::client::Client;
use kimbai_core::organization::Organization;
use kimbai_core::redirect_uri::origin_of;
use kimbai_engine::{
    AccountAsked, Authorized, BrowserSecret, ConsentAsked, FormBinding, Interaction, OrganizationAsked, SignedIn,
};
use kimbai_pages::{
    Account, ClientCard, Consent, ConsentOrganization, Language, Login, LoginDress, LoginError, OrganizationChoice,
    OrganizationLine, ScopeLine,
};
use url::form_urlencoded::Serializer;

use super::error_page;
use super::respond::respond;
use crate::dialects::standard::response;
use crate::explanation;
use crate::http::cookie::{Cookies, set_browser};

use crate::http::reply::{self, PageSources};
use crate::site::Call;

/// Renders what the engine answered to an authorization request.
pub(super) fn authorized(
    call: &Call,
    request: &AuthorizationRequest,
    signed_in: Option<&SignedIn>,
    authorized: &Authorized,
) -> Response {
    let client_name = || {
        let client = request.client_id.value().and_then(|client_id| call.realm.client(client_id));
        client.map(|client| client.metadata.client_name.clone()).unwrap_or_default()
    };
    match (authorized, signed_in) {
        (Authorized::Page(problem), _) => error_page::problem(call, *problem),
        (Authorized::LogIn(client, interaction), _)
        | (
            Authorized::ChooseAccount(AccountAsked { client, interaction, .. })
            | Authorized::ChooseOrganization(OrganizationAsked { client, interaction, .. })
            | Authorized::AskConsent(ConsentAsked { client, interaction, .. }),
            None,
        ) => {
            let form = LogInForm { username: &interaction.login_hint, ..LogInForm::default() };
            log_in_page(call, request, (client, interaction), &form)
        }
        (Authorized::ChooseAccount(asked), Some(signed_in)) => account_page(call, request, signed_in, asked),
        (Authorized::ChooseOrganization(asked), Some(signed_in)) => organization_page(call, request, signed_in, asked),
        (Authorized::AskConsent(asked), Some(signed_in)) => consent_page(call, request, signed_in, asked),
        (Authorized::Code(granted), _) => respond(call, &client_name(), &response::code(&call.realm, granted)),
        (Authorized::Error { target, error }, _) => {
            let response = response::authorize_error(&call.realm, target, *error);
            let mut response = respond(call, &client_name(), &response);
            response.extensions_mut().insert(explanation::authorize(*error));
            response
        }
    }
}

/// What the log-in form is shown with, besides its request.
#[derive(Debug, Default)]
pub(super) struct LogInForm<'a> {
    pub(super) username: &'a str,
    pub(super) error: Option<LoginError>,
    pub(super) status: StatusCode,
}

/// The log-in page, with a browser cookie if there is none yet.
pub(super) fn log_in_page(
    call: &Call,
    request: &AuthorizationRequest,
    (client, interaction): (&Client, &Interaction),
    form: &LogInForm<'_>,
) -> Response {
    let browser = Browser::of(call);
    let now = call.site.engine.now();
    let continuation = call.realm.continuation(FormBinding::LogIn(&browser.secret), request, interaction, now);
    let dress = &client.metadata.log_in_page;
    let html = kimbai_pages::login(
        &call.frame(),
        &Login {
            action: &form_action(call, "login", request),
            hidden: &[("continuation", &continuation)],
            username: form.username,
            client: card(client),
            error: form.error,
            cancel: None,
            dress: LoginDress {
                background_uri: dress.background_uri.as_deref(),
                hotline: dress.hotline.as_deref(),
                support_email: dress.support_email.as_deref(),
            },
        },
    );
    let mut sources = sources(client, request.redirect_uri.value());
    sources.images.extend(dress.background_uri.as_deref().and_then(origin_of));
    browser.kept(call, reply::page(form.status, html, &sources))
}

fn account_page(call: &Call, request: &AuthorizationRequest, signed_in: &SignedIn, asked: &AccountAsked) -> Response {
    let binding = FormBinding::Account(&signed_in.secret);
    let continuation = call.realm.continuation(binding, request, &asked.interaction, call.site.engine.now());
    let html = kimbai_pages::account(
        &call.frame(),
        &Account {
            action: &form_action(call, "account", request),
            hidden: &[("continuation", &continuation)],
            client: card(&asked.client),
            user_name: &asked.user_name,
        },
    );
    reply::page(StatusCode::OK, html, &sources(&asked.client, request.redirect_uri.value()))
}

fn organization_page(
    call: &Call,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    asked: &OrganizationAsked,
) -> Response {
    let binding = FormBinding::Organization(&signed_in.secret);
    let continuation = call.realm.continuation(binding, request, &asked.interaction, call.site.engine.now());
    let lines: Vec<_> = asked
        .memberships
        .iter()
        .map(|offered| OrganizationLine {
            label: &offered.membership.organization.label,
            name: &offered.membership.organization.name,
            is_enough: offered.is_enough,
        })
        .collect();
    let html = kimbai_pages::organization(
        &call.frame(),
        &OrganizationChoice {
            action: &form_action(call, "organization", request),
            hidden: &[("continuation", &continuation)],
            client: card(&asked.client),
            user_name: &asked.user_name,
            organizations: &lines,
        },
    );
    reply::page(StatusCode::OK, html, &sources(&asked.client, request.redirect_uri.value()))
}

fn consent_page(call: &Call, request: &AuthorizationRequest, signed_in: &SignedIn, asked: &ConsentAsked) -> Response {
    let binding = FormBinding::Consent(&signed_in.secret);
    let continuation = call.realm.continuation(binding, request, &asked.interaction, call.site.engine.now());
    let frame = call.frame();
    let optional: Vec<_> = call.realm.scopes.definitions(asked.optional).map(|scope| scope.name.as_str()).collect();
    let scopes: Vec<_> = call
        .realm
        .scopes
        // Synonyms are one wish.
        .definitions(asked.scope.without_other_synonyms(call.realm.offline))
        .map(|scope| ScopeLine {
            name: &scope.name,
            description: match frame.language {
                Language::Vi => &scope.description_vi,
                Language::En => &scope.description_en,
            },
            optional: optional.contains(&scope.name.as_str()),
        })
        .collect();
    let html = kimbai_pages::consent(
        &frame,
        &Consent {
            action: &form_action(call, "consent", request),
            hidden: &[("continuation", &continuation)],
            client: card(&asked.client),
            user_name: &asked.user_name,
            organization: asked
                .organization
                .as_ref()
                .map(|Organization { name, label, .. }| ConsentOrganization { name, label }),
            scopes: &scopes,
            redirect_host: &destination(&asked.redirect_uri),
            policy_uri: asked.client.metadata.policy_uri.as_deref(),
            tos_uri: asked.client.metadata.tos_uri.as_deref(),
        },
    );
    reply::page(StatusCode::OK, html, &sources(&asked.client, Some(&asked.redirect_uri)))
}

/// A browser as it came, or as it shall be known from now on.
struct Browser {
    secret: BrowserSecret,
    is_new: bool,
}

impl Browser {
    fn of(call: &Call) -> Self {
        let known = Cookies::read(&call.headers, &call.realm).browser;
        Self { secret: known.unwrap_or_else(BrowserSecret::generate), is_new: known.is_none() }
    }

    /// The same answer, with the cookie by which the browser is known, if it has none.
    fn kept(&self, call: &Call, mut response: Response) -> Response {
        if let Some(cookie) = set_browser(&call.realm, &self.secret).filter(|_| self.is_new) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

/// Back to the authorization endpoint, with what was settled.
pub(super) fn way_back(call: &Call, request: &AuthorizationRequest, interaction: &Interaction) -> Response {
    let browser = Browser::of(call);
    let now = call.site.engine.now();
    let continuation = call.realm.continuation(FormBinding::Return(&browser.secret), request, interaction, now);
    let location = format!("{}&continuation={continuation}", authorize_url(call, request));
    browser.kept(call, reply::see_other(&location))
}

/// Back to the authorization endpoint from a form that does not count: of what it carried, the request's hints alone are kept.
pub(super) fn begin_again(call: &Call, request: &AuthorizationRequest, continuation: Option<&str>) -> Response {
    let now = call.site.engine.now();
    let url = authorize_url(call, request);
    reply::see_other(&match call.realm.hints(continuation, request, now) {
        Some(hints) => {
            let continuation = call.realm.continuation(FormBinding::Anybody, request, &hints, now);
            format!("{url}&continuation={continuation}")
        }
        None => url,
    })
}

/// The authorization endpoint's own URL for a request: rebuilt from what was read, never echoed.
pub(super) fn authorize_url(call: &Call, request: &AuthorizationRequest) -> String {
    format!("{}?{}", call.realm.settings.paths.authorize, query(request))
}

fn form_action(call: &Call, step: &str, request: &AuthorizationRequest) -> String {
    format!("{}/{step}?{}", call.realm.settings.paths.authorize, query(request))
}

fn query(request: &AuthorizationRequest) -> String {
    let mut query = Serializer::new(String::new());
    for (name, parameter) in request.carried() {
        if let Some(value) = parameter.value() {
            query.append_pair(name, value);
        }
    }
    query.finish()
}

fn card(client: &Client) -> ClientCard<'_> {
    let metadata = &client.metadata;
    ClientCard {
        name: &metadata.client_name,
        logo_uri: metadata.logo_uri.as_deref(),
        home_uri: metadata.client_uri.as_deref(),
    }
}

/// What a page's policy must let through: the icon, and the place its form's answer leads to.
fn sources(client: &Client, redirect_uri: Option<&str>) -> PageSources {
    let images = client.metadata.logo_uri.as_deref().and_then(origin_of).into_iter().collect();
    let registered = client.metadata.redirect_uris.first().map(String::as_str);
    let form_target = redirect_uri.or(registered).and_then(form_target);
    PageSources { images, form_target, ..PageSources::default() }
}

/// What a page's policy must name for a form whose answer leads to this URI: its origin, or its scheme where there is none, or none that
/// a policy can have: its host sources have no IPv6 addresses (Content Security Policy level 3, section 2.3.1).
pub(super) fn form_target(uri: &str) -> Option<String> {
    origin_of(uri).filter(|origin| !origin.contains('[')).or_else(|| scheme_of(uri))
}

fn scheme_of(uri: &str) -> Option<String> {
    uri.split_once(':').map(|(scheme, _)| format!("{scheme}:"))
}

/// Where the browser will be sent, as a person reads it.
fn destination(redirect_uri: &str) -> String {
    let host = url::Url::parse(redirect_uri).ok().and_then(|url| {
        let host = url.host_str()?.to_owned();
        Some(url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
    });
    host.or_else(|| scheme_of(redirect_uri)).unwrap_or_default()
}

/// A header that tells how long to wait.
pub(super) fn retry_after(seconds: u32) -> HeaderValue {
    HeaderValue::from(seconds)
}

#[cfg(test)]
mod tests {
    use super::form_target;

    #[test]
    fn a_policy_names_what_it_can() {
        for (uri, expect) in [
            ("https://app.example.vn:8443/callback?a", "https://app.example.vn:8443"),
            ("http://127.0.0.1:51004/callback", "http://127.0.0.1:51004"),
            ("http://[::1]:51004/callback", "http:"),
            ("vn.example.app:/callback", "vn.example.app:"),
        ] {
            assert_eq!(form_target(uri).as_deref(), Some(expect), "{uri}");
        }
    }
}
