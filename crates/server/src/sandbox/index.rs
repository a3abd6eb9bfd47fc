//! `GET /`: the table of the realm as a page.

use axum::response::Response;
use http::{Method, StatusCode};
use kimbai_core::client::{AuthenticationMethod, GrantType};
use kimbai_pages::{ClientLine, CommandLine, EndpointLine, PersonLine, RealmLink, SandboxIndex};
use url::form_urlencoded::Serializer;

use super::callback::authentication;
use super::demo::{DemoClient, DemoLegacyToken, DemoPartner, Registration};
use crate::dialects::standard::error;
use crate::http::reply::{self, HttpFault, PageSources};
use crate::site::{Audience, Call};

pub(super) async fn index(call: Call) -> Response {
    let Audience::Sandbox(sandbox) = &call.site.audience else { return error::fault(&call.site, HttpFault::NotFound) };
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return error::fault(&call.site, HttpFault::Method("GET, HEAD"));
    }
    let registration = &sandbox.registration;
    let endpoints = &registration.endpoints;
    let introspect = endpoints.introspect.as_ref().map(|url| ("introspection_endpoint", url));
    let endpoints = [
        ("authorization_endpoint", &endpoints.authorize),
        ("token_endpoint", &endpoints.token),
        ("revocation_endpoint", &endpoints.revoke),
    ];
    let endpoints = endpoints.into_iter().chain(introspect);
    let platform = registration.endpoints.platform.iter().map(|(name, url)| (*name, url));
    let endpoints = endpoints.chain(platform).filter(|(_, url)| !url.is_empty());
    let endpoints: Vec<_> = endpoints.map(|(name, url)| EndpointLine { name, url }).collect();
    let people: Vec<_> = registration
        .users
        .iter()
        .map(|user| PersonLine { username: user.username, password: user.password, name: user.name })
        .collect();
    let owned: Vec<_> = registration.clients.iter().map(|client| Owned::new(registration, client)).collect();
    let clients: Vec<_> = registration.clients.iter().zip(&owned).map(|(client, owned)| line(client, owned)).collect();
    let commands = registration.commands();
    let commands: Vec<_> =
        commands.iter().map(|(title, command)| CommandLine { title, command: command.as_str() }).collect();
    let realms: Vec<_> = sandbox.neighbours.iter().map(|(name, url)| RealmLink { name, url }).collect();
    let page = SandboxIndex {
        issuer: &registration.issuer,
        endpoints: &endpoints,
        clients: &clients,
        people: &people,
        commands: &commands,
        realms: &realms,
        requests_uri: "/sandbox/requests",
    };
    let html = kimbai_pages::sandbox_index(&call.frame(), &page);
    reply::page(StatusCode::OK, html, &PageSources::default())
}

struct Owned<'a> {
    redirect_uris: Vec<&'a str>,
    scopes: Vec<&'a str>,
    try_uri: Option<String>,
}

impl<'a> Owned<'a> {
    fn new(registration: &Registration, client: &'a DemoClient) -> Self {
        let redirect_uris: Vec<_> = client.redirect_uris.iter().map(String::as_str).collect();
        // A public client's request needs a challenge, and so a program that keeps the verifier.
        let is_clickable = client.grant_types.contains(&GrantType::AuthorizationCode)
            && registration.settings.pkce == kimbai_core::realm::PkcePolicy::Optional
            && client.token_endpoint_auth_method != AuthenticationMethod::None;
        let try_uri = is_clickable.then(|| registration.authorization_url(client));
        let scopes = client.scopes.iter().map(|scope| &**scope).collect();
        Self { redirect_uris, scopes, try_uri }
    }
}

fn line<'a>(client: &'a DemoClient, owned: &'a Owned<'a>) -> ClientLine<'a> {
    ClientLine {
        name: &client.client_name,
        client_id: &client.client_id,
        client_secret: client.client_secret.as_deref(),
        auth_method: client.token_endpoint_auth_method.name(),
        redirect_uris: &owned.redirect_uris,
        scopes: &owned.scopes,
        try_uri: owned.try_uri.as_deref(),
    }
}

impl Registration {
    /// An authorization request of a client, answered at the sandbox's callback.
    #[must_use]
    pub fn authorization_url(&self, client: &DemoClient) -> String {
        let redirect_uri = client.redirect_uris.last().map(String::as_str).unwrap_or_default();
        let mut query = Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &client.scopes.join(" "))
            .append_pair("state", "kimbai-demo-state");
        format!("{}?{}", self.endpoints.authorize, query.finish())
    }

    /// What to try first, ready to paste: a title and a command each.
    #[must_use]
    pub fn commands(&self) -> Vec<(&'static str, String)> {
        let mut commands = Vec::new();
        let uses =
            |grant_type| self.clients.iter().find(|c| c.grant_types.contains(&grant_type) && c.client_secret.is_some());
        if let Some(client) = uses(GrantType::ClientCredentials) {
            let authentication = authentication(client).join(" ");
            let token = &self.endpoints.token;
            commands.push((
                "client_credentials",
                format!("curl -s {token} {authentication} -d grant_type=client_credentials"),
            ));
        }
        commands
            .extend(self.clients.iter().find_map(|client| self.partner_command(client)).map(|line| ("log-in", line)));
        let signs = |client: &&DemoClient| client.token_endpoint_auth_method == AuthenticationMethod::RequestSignature;
        if let Some(client) = self.clients.iter().find(signs) {
            commands.push(("signed requests", self.signed_command(client)));
        } else if let Some(client) = uses(GrantType::AuthorizationCode) {
            commands.push(("authorization_code", self.code_command(client)));
        }
        let exchanges = self.legacy_tokens.iter().filter_map(|legacy| self.exchange_command(legacy));
        commands.extend(exchanges.map(|command| ("token_exchange", command)));
        commands
    }

    /// A log-in of the realm's first person, in an envelope that the command line seals.
    fn partner_command(&self, client: &DemoClient) -> Option<String> {
        let DemoPartner { partner_code, envelope_key: Some(key) } = client.partner.as_ref()? else { return None };
        let (user, url) = (self.users.first()?, self.endpoints.platform.get("login")?);
        let (client_id, secret) = (&client.client_id, client.client_secret.as_deref()?);
        let said = format!(
            "{{\"username\":\"{}\",\"password\":\"{}\",\"client_id\":\"{client_id}\",\"client_secret\":\"{secret}\"}}",
            user.username, user.password
        );
        Some(format!(
            "echo '{said}' |\n  kimbai envelope seal --key-hex {key} --json |\n  curl -s {url} -H 'Partner-Code: \
             {partner_code}' -H 'Content-Type: application/json' -d @-"
        ))
    }

    /// A code without pages, exchanged at once by a request that the command line signs.
    fn signed_command(&self, client: &DemoClient) -> String {
        let scopes = client.scopes.iter().map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(",");
        let issuer = self.issuer.trim_end_matches('/');
        let (client_id, secret) = (&client.client_id, client.client_secret.as_deref().unwrap_or_default());
        format!(
            "code=$(curl -s {issuer}/sandbox/code -d '{{\"client_id\":\"{client_id}\",\"user\":\"an\",\
             \"scopes\":[{scopes}]}}' | cut -d'\"' -f4)\n\
             kimbai sign tini --url {issuer} --generation 4 --client-id {client_id} --secret {secret} \
             --body \"{{\\\"code\\\":\\\"$code\\\"}}\" | tail -n 1 | sh"
        )
    }

    /// An exchange of a legacy token at the host of its shop, for what is mandatory and a refresh token.
    fn exchange_command(&self, legacy: &DemoLegacyToken) -> Option<String> {
        let DemoLegacyToken { organization, client_id, token, .. } = legacy;
        let host = &self.organizations.iter().find(|shop| shop.label == *organization)?.host;
        let client = self.clients.iter().find(|client| client.client_id == *client_id)?;
        let secret = client.client_secret.as_deref()?;
        let path = self.settings.paths.platform.get("token_exchange")?;
        let mandatory = self.settings.exchange.as_ref()?.mandatory();
        let scopes = mandatory.chain(self.settings.offline_names()).map(|scope| format!("\"{scope}\""));
        let scopes = scopes.collect::<Vec<_>>().join(",");
        let (scheme, _) = self.issuer.split_once("://")?;
        Some(format!(
            "legacy_token={token}\n\
             curl -s {scheme}://{host}{path} -H \"Authorization: Bearer $legacy_token\" \
             -H 'Content-Type: application/json' -d '{{\"token_exchange\":{{\"client_id\":\"{client_id}\",\
             \"secret_key\":\"{secret}\",\"scopes\":[{scopes}]}}}}'"
        ))
    }

    /// A code without pages, redeemed at once: with `PKCE` where the realm requires it (the pair of RFC 7636 appendix B).
    fn code_command(&self, client: &DemoClient) -> String {
        let is_pkce = self.settings.pkce == kimbai_core::realm::PkcePolicy::Required;
        let (challenge, verifier) = if is_pkce {
            (
                ",\"code_challenge\":\"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\"",
                " -d code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            )
        } else {
            ("", "")
        };
        let scopes = client.scopes.iter().map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(",");
        let (issuer, token) = (self.issuer.trim_end_matches('/'), &self.endpoints.token);
        let (client_id, authentication) = (&client.client_id, authentication(client).join(" "));
        format!(
            "code=$(curl -s {issuer}/sandbox/code -d '{{\"client_id\":\"{client_id}\",\"user\":\"an\",\
             \"scopes\":[{scopes}]{challenge}}}' | cut -d'\"' -f4)\n\
             curl -s {token} {authentication} -d grant_type=authorization_code -d code=$code{verifier}"
        )
    }
}
