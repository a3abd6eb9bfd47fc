//! `GET /`: the table of the realm as a page.

use std::borrow::Cow;

use axum::response::Response;
use http::{Method, StatusCode};
use kimbai_core::client::{AuthenticationMethod, GrantType, IvLayout, KeySpelling};
use kimbai_pages::{ClientLine, CommandLine, EndpointLine, PartnerLine, PersonLine, RealmLink, SandboxIndex};
use url::form_urlencoded::Serializer;

use super::callback::authentication;
use super::demo::{DemoClient, DemoLegacyToken, DemoPartner, Registration};
use super::shown::Shown;
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
    deviations: Vec<(&'static str, Cow<'static, str>)>,
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
        let deviations = client.partner.as_ref().map(DemoPartner::deviations).unwrap_or_default();
        Self { redirect_uris, scopes, try_uri, deviations }
    }
}

fn line<'a>(client: &'a DemoClient, owned: &'a Owned<'a>) -> ClientLine<'a> {
    ClientLine {
        name: &client.client_name,
        client_id: &client.client_id,
        client_secret: client.client_secret.as_ref().map(Shown::text),
        auth_method: client.token_endpoint_auth_method.name(),
        partner: client.partner.as_ref().map(|partner| PartnerLine {
            partner_code: &partner.partner_code,
            envelope_key: partner.envelope_key.text(),
            deviations: &owned.deviations,
        }),
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
        let uses = |grant_type| {
            self.clients.iter().find(|client| client.grant_types.contains(&grant_type) && client.secret().is_some())
        };
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
        let signed = self.clients.iter().find_map(|client| self.signed_command(client));
        if let Some(signed) = signed {
            commands.push(("signed requests", signed));
        } else if let Some(client) = uses(GrantType::AuthorizationCode) {
            commands.push(("authorization_code", self.code_command(client)));
        }
        let exchanges = self.legacy_tokens.iter().filter_map(|legacy| self.exchange_command(legacy));
        commands.extend(exchanges.map(|command| ("token_exchange", command)));
        commands
    }

    /// A log-in of the realm's first person, in an envelope that the command line seals.
    fn partner_command(&self, client: &DemoClient) -> Option<String> {
        let DemoPartner { partner_code, envelope_key, .. } = client.partner.as_ref()?;
        let (user, url) = (self.users.first()?, self.endpoints.platform.get("login")?);
        let (client_id, secret) = (&client.client_id, client.secret()?);
        let seal = client.partner.as_ref()?.seal_command(envelope_key.secret()?);
        let said = format!(
            "{{\"username\":\"{}\",\"password\":\"{}\",\"client_id\":\"{client_id}\",\"client_secret\":\"{secret}\"}}",
            user.username, user.password
        );
        Some(format!(
            "echo '{said}' |\n  {seal} |\n  curl -s {url} -H {} -H 'Content-Type: application/json' -d @-",
            quoted(&format!("Partner-Code: {partner_code}"))
        ))
    }

    /// A code without pages, exchanged at once by a request that the command line signs.
    fn signed_command(&self, client: &DemoClient) -> Option<String> {
        if client.token_endpoint_auth_method != AuthenticationMethod::RequestSignature {
            return None;
        }
        let scopes = client.scopes.iter().map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(",");
        let issuer = self.issuer.trim_end_matches('/');
        let (client_id, secret) = (&client.client_id, client.secret()?);
        Some(format!(
            "code=$(curl -s {issuer}/sandbox/code -d '{{\"client_id\":\"{client_id}\",\"user\":\"an\",\
             \"scopes\":[{scopes}]}}' | cut -d'\"' -f4)\n\
             kimbai sign tini --url {issuer} --generation 4 --client-id {client_id} --secret {secret} \
             --body \"{{\\\"code\\\":\\\"$code\\\"}}\" | tail -n 1 | sh"
        ))
    }

    /// An exchange of a legacy token at the host of its shop, for what is mandatory and a refresh token.
    fn exchange_command(&self, legacy: &DemoLegacyToken) -> Option<String> {
        let DemoLegacyToken { organization, client_id, token, .. } = legacy;
        let host = &self.organizations.iter().find(|shop| shop.label == *organization)?.host;
        let client = self.clients.iter().find(|client| client.client_id == *client_id)?;
        let secret = client.secret()?;
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

impl DemoClient {
    /// Its secret, if the sandbox may say it.
    fn secret(&self) -> Option<&str> {
        self.client_secret.as_ref()?.secret()
    }
}

impl DemoPartner {
    /// What seals as this partner does, under this key.
    fn seal_command(&self, key: &str) -> String {
        let (variable, option) = match KeySpelling::Hex.read(key) {
            Ok(_) => (String::new(), format!(" --key-hex {key}")),
            // On the command line a key is digits alone.
            Err(_) => (format!("KIMBAI_KEY_HEX={} ", quoted(key)), " --key-spelling ascii".to_owned()),
        };
        let iv = if self.iv == IvLayout::Prepended { String::new() } else { format!(" --iv {}", self.iv) };
        format!("{variable}kimbai envelope seal{option}{iv} --json")
    }
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
