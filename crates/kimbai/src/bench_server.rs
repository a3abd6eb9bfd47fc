//! `kimbai bench-server`: the server that `kimbai bench` starts and measures: the demo realms on disk, without the sandbox's list of
//! requests, and a floor to measure against.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use kimbai_core::client::{AuthenticationMethod, ClientMetadata, GrantType};
use kimbai_core::secret::Secret;
use kimbai_core::signing::SigningAlgorithm;
use kimbai_engine::{DEMO_PASSWORDS, Engine, NewClient, NewLegacyToken, NewUser, Realm, UserClaims};
use kimbai_keyring::KeyFile;
use kimbai_server::dialects::{haravan, standard, tconnect};
use kimbai_server::metrics::Metrics;
use kimbai_server::sandbox::demo::{DEMO_PASSWORD, Registration};
use kimbai_server::{Audience, Site};
use kimbai_store::Clock;
use kimbai_store::postgres::{Options, PostgresStore, StoreUrl};
use serde_json::json;

use crate::bench::apps::{
    EDDSA_PARTNERS, LEGACY_TOKEN_SHOP, OPENID_SCOPES, OPENID_SECRET, PARTNERS_PEOPLE, cheap_person, legacy_token,
    openid_client_id, person,
};
use crate::bench::cores;
use crate::boot::{self, MASTER_KEY_FILE, Running};
use crate::config::LogFormat;
use crate::installation;

/// One durable change of the registry makes so many.
const LEGACY_TOKENS_AT_ONCE: usize = 2_000;

#[derive(Debug, Args)]
pub(crate) struct BenchServerArgs {
    /// Where the store is.
    #[arg(long)]
    data: PathBuf,
    /// The first of ten ports.
    #[arg(long)]
    port_base: u16,
    /// A PostgreSQL database to keep it in instead.
    #[arg(long)]
    store: Option<StoreUrl>,
    /// The directory of the server that made the realms, and has the master key.
    #[arg(long, requires = "store")]
    beside: Option<PathBuf>,
    /// So many legacy tokens are in the realm that exchanges them.
    #[arg(long, default_value_t = 0)]
    legacy_tokens: u32,
    /// Keeps to the first core.
    #[arg(long)]
    one_core: bool,
}

pub(crate) fn run(args: &BenchServerArgs) -> anyhow::Result<()> {
    boot::log_to_stderr("warn", LogFormat::Text)?;
    if args.one_core {
        cores::keep_to_the_first().context("--one-core")?;
    }
    std::thread::Builder::new().name("driver-watch".to_owned()).spawn(exit_with_the_driver)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(args))
}

/// Standard input is a pipe that the driver holds: when it closes, the driver is gone.
fn exit_with_the_driver() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    std::process::exit(0);
}

async fn engine(args: &BenchServerArgs, realms: &[(u16, Registration)]) -> anyhow::Result<Arc<Engine>> {
    let realms = realms.iter().map(|(_, realm)| realm);
    let Some(url) = &args.store else {
        return boot::engine(Some(&args.data), &Clock::default(), realms).await;
    };
    let store = PostgresStore::open(url, Options::default()).await?;
    let directory = args.beside.as_ref().unwrap_or(&args.data);
    let master = installation::key_in_file(&KeyFile::new(directory.join(MASTER_KEY_FILE)), &store).await?;
    let engine = Arc::new(Engine::new(Arc::new(store), master).with_demo_people());
    engine.load().await?;
    if args.beside.is_none() {
        for realm in realms {
            realm.install(&engine).await?;
        }
    }
    Ok(engine)
}

/// Adds a client for each algorithm that signs ID tokens, unless an earlier start, or the server that made the realms, did.
async fn add_openid_clients(engine: &Engine, registration: &mut Registration) -> anyhow::Result<()> {
    let realm = engine.realm(registration.name).context("a realm is missing")?;
    let callback = registration.clients.iter().find_map(|client| client.redirect_uris.first());
    let callback = callback.context("no client has a redirect URI")?.clone();
    for algorithm in SigningAlgorithm::ALL {
        let client = match realm.client(&openid_client_id(algorithm)) {
            Some(client) => client,
            None => engine.put_client(&realm, openid_client(algorithm, &callback)).await?,
        };
        registration.show(&client, Some(OPENID_SECRET.into()), None);
    }
    Ok(())
}

/// Makes the legacy tokens of the realm that exchanges them. What is there already stays as it is.
async fn add_legacy_tokens(engine: &Engine, registration: &Registration, count: u32) -> anyhow::Result<()> {
    let realm = engine.realm(registration.name).context("a realm is missing")?;
    let demo = registration.legacy_tokens.iter().find(|demo| demo.organization == LEGACY_TOKEN_SHOP);
    let demo = demo.context("the demo shop has no legacy token")?;
    for first in (0..count).step_by(LEGACY_TOKENS_AT_ONCE) {
        let slice = (first..count).take(LEGACY_TOKENS_AT_ONCE);
        let new = slice.map(|number| NewLegacyToken {
            organization: demo.organization.to_owned(),
            client_id: demo.client_id.to_owned(),
            username: demo.username.to_owned(),
            token: Secret::new(legacy_token(number)),
        });
        engine.put_legacy_tokens(&realm, &new.collect::<Vec<_>>()).await?;
    }
    Ok(())
}

fn openid_client(algorithm: SigningAlgorithm, redirect_uri: &str) -> NewClient {
    let grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    let name = format!("Bench {}", algorithm.name());
    NewClient {
        client_id: openid_client_id(algorithm),
        client_secret: Some(Secret::new(OPENID_SECRET.to_owned())),
        metadata: ClientMetadata {
            redirect_uris: vec![redirect_uri.to_owned()],
            scope: OPENID_SCOPES.join(" "),
            id_token_signed_response_alg: Some(algorithm),
            ..ClientMetadata::new(name, AuthenticationMethod::ClientSecretBasic, grant_types)
        },
    }
}

/// Makes the realm of partners fit for being measured, and one beside it whose tokens are signed by `EdDSA`.
fn add_partner_realms(realms: &mut Vec<(u16, Registration)>, port_base: u16) -> anyhow::Result<()> {
    let (name, offset) = EDDSA_PARTNERS;
    let port = port_base.checked_add(offset).context("--port-base is too large")?;
    let mut eddsa = tconnect::demo::registration(&format!("http://localhost:{port}"));
    eddsa.name = name;
    eddsa.settings.signing.algorithms = vec![SigningAlgorithm::EdDsa];
    realms.push((port, eddsa));
    let partners = realms.iter_mut().filter_map(|(_, realm)| realm.settings.partners.as_mut());
    // As many grants as a bench makes; and what a failure costs is measured, not how long it is held back.
    partners.for_each(|partners| {
        (partners.grants_max, partners.live_grants_max) = (GRANTS_MAX, GRANTS_MAX);
        partners.failed_refresh_answer_ms = 1;
    });
    Ok(())
}

/// Adds the people whom partners log in, unless an earlier start, or the server that made the realms, did.
async fn add_people(engine: &Engine, realm: &Realm) -> anyhow::Result<()> {
    let costly = DEMO_PASSWORDS.iter().find(|(password, _)| *password == DEMO_PASSWORD).map_or("", |(_, hash)| hash);
    let last = cheap_person(PARTNERS_PEOPLE - 1);
    if engine.user_by_name(realm, &last).await?.is_some() {
        return Ok(());
    }
    for number in 0..PARTNERS_PEOPLE {
        for (username, hash) in [(person(number), costly), (cheap_person(number), CHEAP_HASH)] {
            let claims = UserClaims { sub: username.clone(), name: username.clone(), ..UserClaims::default() };
            engine.put_user(realm, NewUser { username, password_hash: hash.to_owned(), claims }).await?;
        }
    }
    Ok(())
}

/// The most that a realm allows.
const GRANTS_MAX: u32 = 10_000;
/// Of [`CHEAP_PASSWORD`](crate::bench::apps::CHEAP_PASSWORD), with 8 KiB and one pass.
const CHEAP_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$a2ltYmFpIGJlbmNoIDEuLg$QYRImfQDlohZupVxe3ZX38z66NSfRquKK3+aFs32eto";

async fn serve(args: &BenchServerArgs) -> anyhow::Result<()> {
    let mut realms = boot::registrations("http", args.port_base)?;
    add_partner_realms(&mut realms, args.port_base)?;
    let engine = engine(args, &realms).await?;
    for (_, registration) in realms.iter().filter(|(_, registration)| registration.settings.partners.is_some()) {
        add_people(&engine, &*engine.realm(registration.name).context("a realm is missing")?).await?;
    }
    let standard = realms.iter_mut().map(|(_, realm)| realm).find(|realm| realm.name == standard::NAME);
    add_openid_clients(&engine, standard.context("there is no standard realm")?).await?;
    let exchanging = realms.iter().map(|(_, realm)| realm).find(|realm| realm.name == haravan::NAME);
    add_legacy_tokens(&engine, exchanging.context("there is no realm that exchanges")?, args.legacy_tokens).await?;
    let metrics = Arc::new(Metrics::default());
    let mut running = Running::new()?;
    running.sweep(Arc::clone(&engine));
    running.tend_signing_keys(Arc::clone(&engine));
    for (port, registration) in &realms {
        let realm = engine.realm(registration.name).context("a realm is missing")?;
        let site = Site::new(Arc::clone(&engine), &realm, metrics.realm(&realm.name), Audience::Bench);
        let listeners = boot::bind(&boot::addresses(None), *port).await?;
        running.serve(listeners, site.context("a realm names an unknown dialect")?);
    }
    let realms: Vec<_> = realms.iter().map(|(_, realm)| realm).collect();
    let mut stdout = std::io::stdout();
    stdout.write_all(format!("{}\n", json!({ "realms": realms })).as_bytes())?;
    stdout.flush()?;
    running.until_told_to_stop().await
}
