//! Sources over one another, and what they come to.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use kimbai_keyring::MasterKey;
use kimbai_store::postgres::{Options, Statements};

use super::keys::{self, Fallback};
use super::reading::Given;
use super::{
    Config, Listen, Log, LogFormat, MasterKeySource, Origin, Proxies, ProxyHeader, StorePlace, Surroundings, TlsFiles,
};

#[test]
fn without_any_source_the_defaults_hold() {
    let config = load("", &[], Vec::new()).unwrap();
    assert_eq!(config.listen, listen(&["127.0.0.1:4500"], Some("127.0.0.1:4501")));
    assert_eq!((config.tls, config.proxies), (None, None));
    assert_eq!(config.log, Log { level: "info".to_owned(), format: LogFormat::Json });
    assert_eq!(config.connections_max, 10_000);
    let directory = config.file.unwrap().parent().unwrap().to_owned();
    assert_eq!(config.data, directory.join("kimbai-data"));
    assert!(matches!(config.master_key, MasterKeySource::File(path) if path == config.data.join("master.key")));
    assert!(config.settings.iter().all(|setting| setting.origin.to_string() == "default"));
}

#[test]
fn every_key_is_shown_once_in_the_order_of_the_table() {
    let config = load("", &[], Vec::new()).unwrap();
    let shown: Vec<_> = config.settings.iter().map(|setting| setting.entry.name).collect();
    let declared: Vec<_> = keys::ALL.iter().map(|entry| entry.name).collect();
    assert_eq!(shown, declared);
}

#[test]
fn every_key_is_read_from_the_file_and_from_the_environment_alike() {
    let file = "
        [listen]
        public = ['0.0.0.0:80', '[::1]:81']
        operator = ''
        [tls]
        certificate_file = '/c.pem'
        private_key_file = '/k.pem'
        [proxies]
        trusted = ['10.0.0.0/8', '::1']
        header = 'x-forwarded-for'
        [data]
        directory = '/data'
        [store]
        url = 'postgresql://an@[::1]:5432/kimbai'
        statements = 'single'
        lanes = 2
        pool = 3
        [master_key]
        file = '/m.key'
        [log]
        level = 'warn,kimbai_store=debug'
        format = 'text'
        [limits]
        connections = 1_00";
    let variables = [
        ("KIMBAI_LISTEN_PUBLIC", "0.0.0.0:80, [::1]:81"),
        ("KIMBAI_LISTEN_OPERATOR", ""),
        ("KIMBAI_TLS_CERTIFICATE_FILE", "/c.pem"),
        ("KIMBAI_TLS_PRIVATE_KEY_FILE", "/k.pem"),
        ("KIMBAI_PROXIES_TRUSTED", "10.0.0.0/8,::1"),
        ("KIMBAI_PROXIES_HEADER", "x-forwarded-for"),
        ("KIMBAI_DATA_DIRECTORY", "/data"),
        ("KIMBAI_STORE_URL", "postgresql://an@[::1]:5432/kimbai"),
        ("KIMBAI_STORE_STATEMENTS", "single"),
        ("KIMBAI_STORE_LANES", "2"),
        ("KIMBAI_STORE_POOL", "3"),
        ("KIMBAI_MASTER_KEY_FILE", "/m.key"),
        ("KIMBAI_LOG_LEVEL", "warn,kimbai_store=debug"),
        ("KIMBAI_LOG_FORMAT", "text"),
        ("KIMBAI_LIMITS_CONNECTIONS", "100"),
    ];
    assert_eq!(variables.len() + 2, keys::ALL.len(), "all but the master key itself and the file with the store's URL");
    for config in [load(file, &[], Vec::new()).unwrap(), load("", &variables, Vec::new()).unwrap()] {
        assert_eq!(config.listen, listen(&["0.0.0.0:80", "[::1]:81"], None));
        let tls = TlsFiles { certificate: "/c.pem".into(), private_key: "/k.pem".into() };
        assert_eq!(config.tls, Some(tls));
        let trusted = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        assert_eq!(config.proxies, Some(Proxies { trusted, header: ProxyHeader::XForwardedFor }));
        assert_eq!(config.data, Path::new("/data"));
        assert!(
            matches!(&config.store, StorePlace::Postgres(url) if url.to_string() == "postgresql://an@[::1]:5432/kimbai")
        );
        let Options { statements, lanes, pool, .. } = config.postgres;
        assert_eq!((statements, lanes, pool), (Statements::Single, 2, 3));
        assert!(matches!(config.master_key, MasterKeySource::File(path) if path == Path::new("/m.key")));
        assert_eq!(config.log, Log { level: "warn,kimbai_store=debug".to_owned(), format: LogFormat::Text });
        assert_eq!(config.connections_max, 100);
    }
}

#[test]
fn a_flag_counts_before_the_environment_and_that_before_the_file() {
    let file = "[log]\nlevel = 'error'\n";
    let variable = [("KIMBAI_LOG_LEVEL", "warn")];
    let flag = || vec![Given::of_text(&keys::LOG_LEVEL.entry, "debug", &Origin::Flag("--log"))];
    for (file, variables, flags, level, origin) in [
        (file, variable.as_slice(), flag(), "debug", "--log"),
        (file, &variable, Vec::new(), "warn", "KIMBAI_LOG_LEVEL"),
        (file, &[], Vec::new(), "error", "kimbai.toml:2"),
        ("", &[], flag(), "debug", "--log"),
        ("", &[], Vec::new(), "info", "default"),
    ] {
        let config = load(file, variables, flags).unwrap();
        assert_eq!(config.log.level, level);
        let shown = config.origin(&keys::LOG_LEVEL.entry).to_string();
        assert!(shown.ends_with(origin), "{shown}");
    }
}

#[test]
fn a_relative_path_is_relative_to_the_file_or_to_where_the_person_stands() {
    let written = "[store]\nurl = 'sqlite:here'\n";
    let config = load(written, &[], Vec::new()).unwrap();
    assert_eq!(config.data, config.file.as_ref().unwrap().with_file_name("here"));
    let config = load(written, &[("KIMBAI_STORE_URL", "sqlite:here")], Vec::new()).unwrap();
    assert_eq!(config.data, Path::new("here"));
}

#[test]
fn the_store_and_the_directory_of_the_server_follow_from_one_another() {
    const POSTGRES: &str = "postgresql://an@localhost:5432/kimbai";
    let flag = |entry, text: &str, name| Given::of_text(entry, text, &Origin::Flag(name));
    let data = |text: &str| flag(&keys::DATA_DIRECTORY.entry, text, "--data");
    let store = |text: &str| flag(&keys::STORE_URL.entry, text, "--store");
    let in_file = "[store]\nurl = 'sqlite:/file'\n";
    let elsewhere = format!("[store]\nurl = '{POSTGRES}'\n");
    let both = format!("[data]\ndirectory = '/own'\n{elsewhere}");
    for (file, variable, flags, directory, shown, origin) in [
        ("", None, vec![data("/d")], "/d", "sqlite:/d", "--data"),
        ("", None, vec![store("sqlite:/s")], "/s", "sqlite:/s", "--store"),
        (in_file, None, vec![], "/file", "sqlite:/file", "kimbai.toml:2"),
        (in_file, None, vec![data("/d")], "/d", "sqlite:/d", "--data"),
        (in_file, Some(("KIMBAI_DATA_DIRECTORY", "/v")), vec![], "/v", "sqlite:/v", "KIMBAI_DATA_DIRECTORY"),
        (in_file, Some(("KIMBAI_DATA_DIRECTORY", "/v")), vec![store("sqlite:/s")], "/s", "sqlite:/s", "--store"),
        (in_file, Some(("KIMBAI_STORE_URL", POSTGRES)), vec![data("/d")], "/d", POSTGRES, "KIMBAI_STORE_URL"),
        (&elsewhere, None, vec![data("/d")], "/d", POSTGRES, "kimbai.toml:2"),
        (&both, None, vec![], "/own", POSTGRES, "kimbai.toml:4"),
        (&both, None, vec![store("sqlite:/s")], "/s", "sqlite:/s", "--store"),
        ("", None, vec![data("/d"), store(POSTGRES)], "/d", POSTGRES, "--store"),
        ("", None, vec![data("/same"), store("sqlite:/same")], "/same", "sqlite:/same", "--store"),
    ] {
        let config = load(file, variable.as_slice(), flags).unwrap();
        assert_eq!(config.data, Path::new(directory), "{file} {variable:?}");
        let setting = config.settings.iter().find(|setting| setting.entry.name == "store.url").unwrap();
        assert_eq!(setting.shown, Some(shown.into()), "{file} {variable:?}");
        assert!(setting.origin.to_string().ends_with(origin), "{file} {variable:?} {}", setting.origin);
        let is_embedded = matches!(&config.store, StorePlace::Sqlite(path) if *path == config.data);
        assert_eq!(is_embedded, shown.starts_with("sqlite:"));
    }
    let error = load("", &[], vec![data("/d"), store("sqlite:/s")]).unwrap_err().to_string();
    assert!(error.starts_with("--store: store.url is given as well as data.directory"), "{error}");
}

#[test]
fn the_url_of_the_store_may_stand_in_a_file_of_its_own_and_its_password_is_not_shown() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("url");
    fs::write(&path, "postgres://an:geheim@localhost/kimbai\n").unwrap();
    let path = path.to_str().unwrap();
    let config = load("", &[("KIMBAI_STORE_URL_FILE", path)], Vec::new()).unwrap();
    let StorePlace::Postgres(url) = &config.store else { panic!("{:?}", config.store) };
    assert!(url.to_string().ends_with("@localhost:5432/kimbai"));
    assert!(!format!("{config:?}").contains("geheim"));
    for (variables, expect) in [
        (vec![("KIMBAI_STORE_URL_FILE", "/none")], "KIMBAI_STORE_URL_FILE: /none cannot be read: "),
        (
            vec![("KIMBAI_STORE_URL_FILE", path), ("KIMBAI_STORE_URL", "sqlite:x")],
            "store.url_file is given as well as store.url",
        ),
    ] {
        let error = load("", &variables, Vec::new()).unwrap_err().to_string();
        assert!(error.contains(expect) && !error.contains("geheim"), "{error}");
    }
    for content in ["postgres://an:geheim@localhost/kimbai?nonsense=1", "geheim", ""] {
        fs::write(path, content).unwrap();
        let error = load("", &[("KIMBAI_STORE_URL_FILE", path)], Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("KIMBAI_STORE_URL_FILE: ") && !error.contains("an:geheim"), "{error}");
    }
}

#[test]
fn the_defaults_of_a_store_elsewhere_are_the_stores_own() {
    let (config, own) = (load("", &[], Vec::new()).unwrap(), Options::default());
    let facts = |options: &Options| (options.statements, options.lanes, options.pool, options.deadline);
    assert_eq!(facts(&config.postgres), facts(&own));
}

#[test]
fn a_master_key_of_the_environment_counts_before_any_file_and_is_not_shown() {
    let text = MasterKey::generate().to_text();
    let key = text.trim_end();
    for (file, shown_file) in [("", None), ("[master_key]\nfile = '/m.key'", Some("/m.key"))] {
        let config = load(file, &[("KIMBAI_MASTER_KEY", key)], Vec::new()).unwrap();
        let MasterKeySource::Given(given) = &config.master_key else { panic!("{:?}", config.master_key) };
        assert_eq!(given.to_text(), text);
        assert!(!format!("{config:?}").contains(key));
        let setting = config.settings.iter().find(|setting| setting.entry.name == "master_key.file").unwrap();
        assert_eq!(setting.shown, shown_file.map(Into::into));
    }
}

#[test]
fn the_defaults_that_are_texts_can_be_given() {
    for entry in keys::ALL {
        if let Fallback::Text(text) = entry.fallback {
            let config = load("", &[(&entry.variable(), text)], Vec::new()).unwrap();
            assert_eq!(config.origin(entry).to_string(), entry.variable());
        }
    }
}

#[test]
fn the_example_of_the_reference_is_a_configuration() {
    let config = load(super::reference::EXAMPLE, &[], Vec::new()).unwrap();
    assert_eq!(config.listen, listen(&["[::]:443"], Some("127.0.0.1:4501")));
    assert!(config.tls.is_some());
}

fn listen(public: &[&str], operator: Option<&str>) -> Listen {
    let address = |text: &&str| text.parse().unwrap();
    Listen { public: public.iter().map(address).collect(), operator: operator.as_ref().map(address) }
}

fn load(file: &str, variables: &[(&str, &str)], flags: Vec<Given>) -> Result<Config, super::Problems> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("kimbai.toml");
    fs::write(&path, file).unwrap();
    let variable = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
    let variables = variables.iter().map(variable).collect();
    Config::load(Some(&path), flags, Surroundings { variables, log_format: LogFormat::Json })
}
