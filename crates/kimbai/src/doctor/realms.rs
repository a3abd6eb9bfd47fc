//! The realms: whether the master key opens them, and whether clients can reach them under their issuers.

use std::os::unix::net::UnixStream;
use std::path::Path;

use kimbai_engine::admin::{Export, ExportSecrets, Manifest};
use url::Url;

use super::data::Server;
use super::{Check, certificate};
use crate::admin::reach::Reach;
use crate::config::{Config, StorePlace};
use crate::installation::{DATABASE_FILE, NoStore, socket};
use crate::store_mark;

/// Asks the running server, or opens the store for a moment.
pub(super) fn check(config: &Config, server: Server) -> Check {
    // In a directory that is for a database, or whose server has another store, there is more to say.
    let is_vacant = |directory: &Path| {
        server == Server::Stopped && !directory.join(DATABASE_FILE).exists() && !store_mark::file(directory).exists()
    };
    if matches!(&config.store, StorePlace::Sqlite(directory) if is_vacant(directory)) {
        return Check::ok(NAME, NO_STORE);
    }
    if server == Server::Running && UnixStream::connect(socket(&config.data)).is_err() {
        return Check::ok(NAME, "not looked at: a sandbox or a command has them, and takes no questions");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let manifest = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(realms(config)));
    match manifest {
        Ok(manifest) => verdict(&issuers(&manifest), &certificate::names(config), config.tls.is_some()),
        Err(error) if error.is::<NoStore>() => Check::ok(NAME, NO_STORE),
        Err(error) => Check::problem(NAME, format!("{error:#}"), "mend that; no server would start, or answer"),
    }
}

async fn realms(config: &Config) -> anyhow::Result<Manifest> {
    let reach = Reach::open(config).await?;
    reach.run(Export { realms: Vec::new(), secrets: ExportSecrets::LeftOut }).await
}

fn issuers(manifest: &Manifest) -> Vec<(String, Url)> {
    let issuer = |asked: &kimbai_engine::admin::RealmManifest| Url::parse(asked.settings.get("issuer")?.as_str()?).ok();
    manifest.realms.iter().filter_map(|(name, asked)| Some((name.clone(), issuer(asked)?))).collect()
}

fn verdict(issuers: &[(String, Url)], names: &[String], speaks_tls: bool) -> Check {
    let found = issuers.iter().map(|(name, issuer)| format!("{name} at {issuer}")).collect::<Vec<_>>().join(", ");
    if issuers.is_empty() {
        return Check::warning(NAME, "there is none", "make one with `kimbai apply`");
    }
    let unnamed = issuers.iter().find(|(_, issuer)| {
        let host = issuer.host_str().unwrap_or_default().trim_matches(['[', ']']);
        !names.iter().any(|name| covers(name, host))
    });
    match unnamed {
        Some((name, issuer)) if speaks_tls => {
            let host = issuer.host_str().unwrap_or_default();
            let advice = "have a certificate issued that names it, or change the realm's issuer";
            Check::problem(NAME, format!("the certificate does not name {host}, the host of {name}"), advice)
        }
        _ => Check::ok(NAME, format!("the master key opens them: {found}")),
    }
}

/// A wildcard stands for one left-most label (RFC 9525 section 6.3).
fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(host),
    }
}

const NAME: &str = "realms";
const NO_STORE: &str = "there is no store yet; the first start makes it, with a realm";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn each_issuers_host_is_named_by_the_certificate_where_there_is_one() {
        let issuers = |urls: &[&str]| -> Vec<_> {
            urls.iter().map(|url| ("main".to_owned(), Url::parse(url).unwrap())).collect()
        };
        for (urls, names, speaks_tls, expect) in [
            (&["https://id.example.vn"][..], &["id.example.vn"][..], true, Verdict::Ok),
            (&["https://id.example.vn"], &["*.example.vn"], true, Verdict::Ok),
            (&["https://a.id.example.vn"], &["*.example.vn"], true, Verdict::Problem),
            (&["https://[::1]:4500"], &["::1"], true, Verdict::Ok),
            (&["https://id.example.vn", "https://shop.example.vn"], &["id.example.vn"], true, Verdict::Problem),
            (&["https://id.example.vn"], &[], true, Verdict::Problem),
            (&["https://id.example.vn"], &[], false, Verdict::Ok),
            (&[], &[], false, Verdict::Warning),
        ] {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(verdict(&issuers(urls), &names, speaks_tls).verdict, expect, "{urls:?} {names:?}");
        }
    }
}
