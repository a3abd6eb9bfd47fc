//! `--tls`: an authority that lives as long as the sandbox, and the certificate that it gives the realms.
//!
//! Its key is used once and never leaves memory; that of the certificate is in a directory for its owner alone, which goes with the
//! sandbox.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use kimbai_server::http::tls::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde::Serialize;
use tempfile::TempDir;

/// The authority, as it is printed.
#[derive(Debug, Serialize)]
pub(super) struct Authority {
    /// The authority's certificate, for those who read the document.
    pub(super) pem: String,
    /// Where it is, for those who want a file.
    file: PathBuf,
    #[serde(skip)]
    directory: TempDir,
}

impl Authority {
    /// Makes an authority, and a certificate for this machine's loopback names and this address.
    pub(super) fn make(listen: Option<IpAddr>) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("kimbai-sandbox-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("a directory for --tls")?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "Kimbai sandbox, until it stops");
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);

        let mut names =
            vec!["localhost".to_owned(), "*.localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.extend(listen.map(|address| address.to_string()));
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        // Strict clients ask for these (RFC 5280 sections 4.2.1.1, 4.2.1.3, 4.2.1.12).
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;

        let file = directory.path().join("authority.pem");
        fs::write(&file, &pem)?;
        fs::write(directory.path().join(CERTIFICATE), certificate.pem())?;
        let mut key_file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(directory.path().join(KEY))?;
        key_file.write_all(key.serialize_pem().as_bytes())?;
        Ok(Self { pem, file, directory })
    }

    /// Where the authority's certificate is.
    pub(super) fn file(&self) -> &std::path::Path {
        &self.file
    }

    /// What the realms' listeners speak.
    pub(super) fn tls(&self) -> anyhow::Result<Arc<Tls>> {
        let path = self.directory.path();
        Ok(Tls::load(&path.join(CERTIFICATE), &path.join(KEY))?)
    }
}

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
