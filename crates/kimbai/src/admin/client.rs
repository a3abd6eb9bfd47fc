//! `kimbai client`: clients of a realm.

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use kimbai_engine::admin::{
    ClientAdd, ClientAdded, ClientList, ClientManifest, ClientRemove, ClientRotateSecret, ClientSetActivity,
    ClientShow, ClientView, Enabled, PlainSecret, RotatedSecret,
};
use serde_json::{Map, Value, json};

use super::duration::{self, Seconds};
use super::grant::{Of, standing};
use super::output::{self, or_dash};
use super::{InRealm, secret};

/// Makes, lists, disables and removes clients, and gives them new secrets.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    #[command(subcommand)]
    command: ClientCommand,
}

#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Makes a client; without --secret its secret is made, and printed once.
    #[command(after_help = "\
Examples:
  kimbai client add web --redirect-uri https://app.example.vn/callback --scope \"openid offline_access\"
  kimbai client add shop --redirect-uri https://shop.example.vn/cb --tos-uri https://shop.example.vn/terms
  kimbai client add spa --public --redirect-uri https://app.example.vn/callback --scope openid
  kimbai client add reporting --scope orders.read --secret file:reporting.secret")]
    Add(Box<Add>),
    /// Lists the clients of a realm.
    #[command(after_help = "Examples:\n  kimbai client list\n  kimbai client list --realm main --json")]
    List(InRealm),
    /// Shows all that is registered of a client.
    #[command(after_help = "Examples:\n  kimbai client show web")]
    Show(One),
    /// Gives a client a new secret; the one it has stays live for a while, so that no call fails.
    #[command(after_help = "\
Examples:
  kimbai client rotate-secret web
  kimbai client rotate-secret web --overlap 7d --secret env:WEB_SECRET
  kimbai client rotate-secret web --overlap 0s     # the old one has leaked")]
    RotateSecret(RotateSecret),
    /// Disables a client: all that it was issued ends at once.
    #[command(after_help = "Examples:\n  kimbai client disable web")]
    Disable(One),
    /// Enables a client; what ended when it was disabled stays ended.
    #[command(after_help = "Examples:\n  kimbai client enable web")]
    Enable(One),
    /// Removes a client and all that it was issued.
    #[command(after_help = "Examples:\n  kimbai client remove web")]
    Remove(One),
}

#[derive(Debug, Args)]
struct One {
    /// The client's `client_id`.
    #[arg(value_name = "ID")]
    client_id: String,
    #[command(flatten)]
    realm: InRealm,
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    one: One,
    /// The name that people read.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Where its answers may go, byte for byte; may be repeated.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// What it may ask for, with spaces between; may be repeated.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How it authenticates [default: `client_secret_basic`].
    #[arg(long, value_enum, value_name = "METHOD")]
    method: Option<Method>,
    /// It has no secret (an app in a browser or on a phone).
    #[arg(long, conflicts_with_all = ["method", "secret"])]
    public: bool,
    /// A grant that it may use; may be repeated [default: with redirect URIs `authorization_code` and `refresh_token`,
    /// else `client_credentials`].
    #[arg(long = "grant-type", value_enum, value_name = "TYPE")]
    grant_types: Vec<GrantType>,
    /// Where a browser may be sent after log-out; may be repeated.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    #[command(flatten)]
    presentation: Presentation,
    /// What its authorization responses carry, where the realm has more than codes; may be repeated [default: `code`].
    #[arg(long = "response-type", value_enum, value_name = "TYPE")]
    response_types: Vec<ResponseType>,
    /// What its access tokens are [default: as the audiences of their scopes want them, else opaque].
    #[arg(long, value_enum, value_name = "FORMAT")]
    access_token_format: Option<AccessTokenFormat>,
    #[command(flatten)]
    secret: GivenSecret,
}

/// What people see of a client besides its name, and whom to ask about it.
#[derive(Debug, Args)]
struct Presentation {
    /// Its icon.
    #[arg(long, value_name = "URI")]
    logo_uri: Option<String>,
    /// Its home page.
    #[arg(long, value_name = "URI")]
    client_uri: Option<String>,
    /// Where it says what it does with what it learns of people.
    #[arg(long, value_name = "URI")]
    policy_uri: Option<String>,
    /// Its terms of service.
    #[arg(long, value_name = "URI")]
    tos_uri: Option<String>,
    /// Whom to ask about it; may be repeated.
    #[arg(long = "contact", value_name = "TEXT")]
    contacts: Vec<String>,
    /// Whose it is.
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// An image behind its log-in page.
    #[arg(long, value_name = "URI")]
    background_uri: Option<String>,
    /// A telephone number on its log-in page.
    #[arg(long, value_name = "NUMBER")]
    hotline: Option<String>,
    /// A mail address on its log-in page.
    #[arg(long, value_name = "ADDRESS")]
    support_email: Option<String>,
}

#[derive(Debug, Args)]
struct RotateSecret {
    #[command(flatten)]
    one: One,
    /// How long what it has stays live: 90s, 15m, 24h, 7d.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration::parse)]
    overlap: Seconds,
    #[command(flatten)]
    secret: GivenSecret,
}

#[derive(Args)]
pub(super) struct GivenSecret {
    /// Its secret: `env:NAME`, `file:PATH`, or - for standard input [default: one is made].
    #[arg(long, value_name = "SOURCE")]
    secret: Option<String>,
}

impl std::fmt::Debug for GivenSecret {
    // Who gives the secret itself is told not to, and it is shown nowhere.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("GivenSecret")
    }
}

impl GivenSecret {
    pub(super) fn read(&self) -> anyhow::Result<Option<PlainSecret>> {
        self.secret.as_deref().map(|text| secret::of_option("--secret", text)).transpose()
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Method {
    ClientSecretBasic,
    ClientSecretPost,
    RequestSignature,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum GrantType {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ResponseType {
    Code,
    #[value(name = "code id_token")]
    CodeIdToken,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum AccessTokenFormat {
    Opaque,
    Jwt,
}

pub(super) async fn run(args: ClientArgs) -> anyhow::Result<()> {
    match args.command {
        ClientCommand::Add(args) => Box::pin(add(*args)).await,
        ClientCommand::List(args) => list(args).await,
        ClientCommand::Show(One { client_id, realm: InRealm { realm, place } }) => {
            let client = place.reach().await?.run(ClientShow { realm, client_id }).await?;
            place.say(&client, client_text)
        }
        ClientCommand::RotateSecret(args) => rotate_secret(args).await,
        ClientCommand::Disable(one) => disable(one).await,
        ClientCommand::Enable(One { client_id, realm: InRealm { realm, place } }) => {
            let enable = ClientSetActivity { realm, client_id, enabled: Enabled::Enabled };
            let client = place.reach().await?.run(enable).await?;
            place.say(&client, |client| format!("client {} is enabled\n", client.client_id))
        }
        ClientCommand::Remove(one) => remove(one).await,
    }
}

async fn add(args: Add) -> anyhow::Result<()> {
    let client_secret = args.secret.read()?;
    let metadata = args.metadata()?;
    let One { client_id, realm: InRealm { realm, place } } = args.one;
    let client = ClientManifest { client_secret, metadata, ..ClientManifest::default() };
    let added = place.reach().await?.run(ClientAdd { realm, client_id, client }).await?;
    place.say(&added, |ClientAdded { client, client_secret }| client_text(client) + &made_text(client_secret.as_ref()))
}

impl Add {
    /// Only what was given: the rest is the engine's default.
    fn metadata(&self) -> anyhow::Result<Map<String, Value>> {
        let mut metadata = Map::new();
        let method = if self.public { Some("none".to_owned()) } else { self.method.as_ref().map(word).transpose()? };
        let grant_types = self.grant_types.iter().map(word).collect::<Result<Vec<_>, _>>()?;
        let response_types = self.response_types.iter().map(word).collect::<Result<Vec<_>, _>>()?;
        let format = self.access_token_format.as_ref().map(word).transpose()?;
        for (key, value, is_given) in [
            ("client_name", json!(self.name), self.name.is_some()),
            ("redirect_uris", json!(self.redirect_uris), !self.redirect_uris.is_empty()),
            ("scope", json!(self.scopes.join(" ")), !self.scopes.is_empty()),
            ("token_endpoint_auth_method", json!(method), method.is_some()),
            ("grant_types", json!(grant_types), !grant_types.is_empty()),
            (
                "post_logout_redirect_uris",
                json!(self.post_logout_redirect_uris),
                !self.post_logout_redirect_uris.is_empty(),
            ),
            ("response_types", json!(response_types), !response_types.is_empty()),
            ("access_token_format", json!(format), format.is_some()),
        ] {
            if is_given {
                metadata.insert(key.to_owned(), value);
            }
        }
        metadata.extend(self.presentation.metadata());
        Ok(metadata)
    }
}

impl Presentation {
    fn metadata(&self) -> Map<String, Value> {
        let page = [
            ("background_uri", &self.background_uri),
            ("hotline", &self.hotline),
            ("support_email", &self.support_email),
        ];
        let texts = [
            ("logo_uri", &self.logo_uri),
            ("client_uri", &self.client_uri),
            ("policy_uri", &self.policy_uri),
            ("tos_uri", &self.tos_uri),
            ("owner", &self.owner),
        ];
        let contacts = (!self.contacts.is_empty()).then(|| ("contacts".to_owned(), json!(self.contacts)));
        let page = Some(given(&page)).filter(|page| !page.is_empty());
        let page = page.map(|page| ("log_in_page".to_owned(), Value::Object(page)));
        given(&texts).into_iter().chain(contacts).chain(page).collect()
    }
}

fn given(texts: &[(&str, &Option<String>)]) -> Map<String, Value> {
    texts.iter().filter_map(|(key, text)| Some(((*key).to_owned(), json!(text.as_ref()?)))).collect()
}

async fn list(InRealm { realm, place }: InRealm) -> anyhow::Result<()> {
    let clients = place.reach().await?.run(ClientList { realm }).await?;
    place.say(&clients, |clients| {
        let row = |client: &ClientView| {
            let method = name(&client.token_endpoint_auth_method);
            let (client_id, status) = (client.client_id.clone(), name(&client.status));
            [client_id, status, method, client.client_name.clone(), or_dash(Some(&client.scope))]
        };
        output::table(["CLIENT", "STATUS", "METHOD", "NAME", "SCOPE"], &clients.iter().map(row).collect::<Vec<_>>())
    })
}

async fn rotate_secret(args: RotateSecret) -> anyhow::Result<()> {
    let client_secret = args.secret.read()?;
    let One { client_id, realm: InRealm { realm, place } } = args.one;
    let rotate = ClientRotateSecret { realm, client_id, overlap_s: args.overlap.0, client_secret };
    let rotated = place.reach().await?.run(rotate).await?;
    place.say(&rotated, |RotatedSecret { client_id, client_secret, previous_ends }| {
        let head = format!("client {client_id} has a new secret; the one before ends {previous_ends}\n");
        head + &made_text(client_secret.as_ref())
    })
}

async fn disable(One { client_id, realm: InRealm { realm, place } }: One) -> anyhow::Result<()> {
    let reach = place.reach().await?;
    let ended = standing(&reach, realm.clone(), Of::Client(client_id.clone())).await;
    let disable = ClientSetActivity { realm, client_id, enabled: Enabled::Disabled };
    let client = reach.run(disable).await?;
    place.say(&client, |client| {
        format!("client {} is disabled; with it ended {ended} and every token of its own\n", client.client_id)
    })
}

async fn remove(One { client_id, realm: InRealm { realm, place } }: One) -> anyhow::Result<()> {
    let reach = place.reach().await?;
    let ended = standing(&reach, realm.clone(), Of::Client(client_id.clone())).await;
    reach.run(ClientRemove { realm, client_id: client_id.clone() }).await?;
    place.say(&(), |()| format!("client {client_id} is removed; with it ended {ended} and every token of its own\n"))
}

fn client_text(client: &ClientView) -> String {
    let words = |words: Vec<String>| or_dash(Some(&words.join(" ")));
    let secrets = client.secrets_end.iter().map(|end| match end {
        Some(end) => format!("until {end}"),
        None => "until it is replaced".to_owned(),
    });
    let mut facts = vec![
        ("client_id", client.client_id.clone()),
        ("client_name", client.client_name.clone()),
        ("status", name(&client.status)),
        ("method", name(&client.token_endpoint_auth_method)),
        ("grant_types", words(client.grant_types.iter().map(name).collect())),
        ("scope", or_dash(Some(&client.scope))),
        ("redirect_uris", words(client.redirect_uris.clone())),
        (
            "introspects",
            if client.resource_server {
                "every token of the realm"
            } else {
                "access tokens that name it as their audience"
            }
            .to_owned(),
        ),
        ("secrets", or_dash(Some(&secrets.collect::<Vec<_>>().join(", ")))),
    ];
    // Of most clients nobody has said so much.
    let contacts = (!client.contacts.is_empty()).then(|| client.contacts.join(", "));
    let said = [("client_uri", client.client_uri.clone()), ("owner", client.owner.clone()), ("contacts", contacts)];
    facts.extend(said.into_iter().filter_map(|(name, text)| Some((name, text?))));
    let responses: Vec<_> = client.response_types.iter().map(name).collect();
    if responses != ["code"] {
        facts.push(("responses", responses.join(", ")));
    }
    facts.extend(client.partner_code.clone().map(|code| ("partner_code", code)));
    facts.extend(client.access_token_format.as_ref().map(|format| ("access_tokens", name(format))));
    output::facts(&facts)
}

fn made_text(secret: Option<&PlainSecret>) -> String {
    let Some(secret) = secret else { return String::new() };
    format!("\nIts secret was made. It is not shown again:\n{}\n", secret.expose())
}

/// The word that a value is on the wire.
pub(super) fn name<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn word<T: ValueEnum>(value: &T) -> anyhow::Result<String> {
    let value = value.to_possible_value().context("a value without a name")?;
    Ok(value.get_name().to_owned())
}
