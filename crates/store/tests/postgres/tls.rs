//! The way to the server: who may stand at its other end, by the degrees of `sslmode`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use kimbai_postgres_fixture::{Database, Server, Version};
use kimbai_store::postgres::{Options, PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::scene::until;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(file: &Path) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(file, authority.pem()).unwrap();
    authority
}

/// Gives the server a certificate for `localhost` of this authority.
async fn certify(server: &Server, authority: &Authority) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let data = server.data_directory();
    let owner = fs::metadata(&data).unwrap();
    for (file, text) in [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())] {
        let file = data.join(file);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    server.sql("postgres", "ALTER SYSTEM SET ssl = on");
    server.sql("postgres", "SELECT pg_reload_conf()");
    until("the server speaks TLS", || server.sql("postgres", "SHOW ssl") == "on").await;
}

/// Whether all connections of a store are under TLS; or why it was not opened.
async fn opened(database: &Database<'_>, host: &str, query: &str) -> Result<bool, String> {
    let url = database.url().replace("127.0.0.1", host) + query;
    let options = Options { lanes: 1, pool: 1, ..Options::default() };
    let store = PostgresStore::open(&url.parse().unwrap(), options).await.map_err(|error| error.to_string())?;
    let sql = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE datname = current_database() AND application_name = 'kimbai'";
    let protected = database.sql(sql);
    store.close().await;
    Ok(protected == "t")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_server_that_the_url_names_is_believed() {
    let server = Server::start(*Version::under_test().last().unwrap(), &[]);
    let database = server.fresh_database();
    let directory = tempfile::tempdir().unwrap();
    let [ours, others] = ["ours.pem", "others.pem"].map(|name| directory.path().join(name));
    let authorities = [authority(&ours), authority(&others)];
    let [ours, others] = [ours, others].map(|file| format!("&sslrootcert={}", file.display()));
    let error = opened(&database, "localhost", "?sslmode=require").await.unwrap_err();
    assert!(error.contains("sslmode"), "a server without TLS is not asked: {error}");
    certify(&server, &authorities[0]).await;
    // Which host, how much is verified by whom, and whether it is believed.
    for (host, mode, roots, believed) in [
        ("localhost", "verify-full", &*ours, true),
        ("127.0.0.1", "verify-full", &ours, false),
        ("localhost", "verify-full", &others, false),
        ("localhost", "verify-full", "", false),
        ("localhost", "verify-ca", &ours, true),
        ("127.0.0.1", "verify-ca", &ours, true),
        ("localhost", "verify-ca", &others, false),
        ("127.0.0.1", "require", "", true),
        ("127.0.0.1", "require", &ours, true),
        ("localhost", "require", &others, false),
        ("127.0.0.1", "prefer", "", true),
    ] {
        let case = format!("{host} {mode} {roots}");
        match opened(&database, host, &format!("?sslmode={mode}{roots}")).await {
            Ok(protected) => assert!(believed && protected, "{case}: opened, TLS {protected}"),
            Err(error) => assert!(!believed && error.contains("certificate"), "{case}: {error}"),
        }
    }
    assert_eq!(opened(&database, "127.0.0.1", "?sslmode=disable").await, Ok(false));
}
