//! TLS: a certificate chain and its key from PEM files, read again when they change or when told to.
//!
//! TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN (RFC 7301). At start an unusable pair is fatal; later it is a loud line in the log,
//! and the pair before it stays.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection::Protocol;

const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: give a file that is there and that the server may read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error(
        "{}: no certificates in PEM form are in it; give the server's own certificate and after it those of its issuers",
        .0.display()
    )]
    Certificates(PathBuf),
    /// There is no key in the file, or none that TLS can sign with. What is in it is not repeated.
    #[error("{}: no usable private key in PEM form is in it; give one without a passphrase", .0.display())]
    Key(PathBuf),
    /// The two do not belong together.
    #[error("{} is not the key of the first certificate in {}: give the pair that belongs together", key.display(), certificates.display())]
    Mismatch {
        /// The certificates' file.
        certificates: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// The first certificate cannot be used.
    #[error("{}: the first certificate cannot be used; give an X.509 certificate of this server", path.display())]
    Unusable {
        /// The certificates' file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// What a listener needs to speak TLS.
pub struct Tls {
    certificates: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
    /// What the files looked like when they were last read.
    read: Mutex<Looks>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").field("certificates", &self.certificates).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a chain, the server's own certificate first, and its key.
    ///
    /// # Errors
    /// [`TlsError`]: which file is wrong, and what to do.
    pub fn load(certificates: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let looks = Looks::of(certificates, key);
        let current = Arc::new(Current(RwLock::new(Arc::new(read_pair(certificates, key)?))));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Unusable { path: certificates.to_owned(), source })?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1_1.to_vec()];
        Ok(Arc::new(Self {
            certificates: certificates.to_owned(),
            key: key.to_owned(),
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            read: Mutex::new(looks),
        }))
    }

    /// Reads the files again; new connections get what is in them now. What cannot be used is logged, and nothing changes.
    pub fn reload(&self) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: what is written meanwhile is noticed the next time.
        *read = Looks::of(&self.certificates, &self.key);
        match read_pair(&self.certificates, &self.key) {
            Ok(pair) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                tracing::info!(certificates = %self.certificates.display(), "the certificate was read again");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the changed certificate cannot be used, the one before it stays"
            ),
        }
    }

    /// Looks at the files every two seconds until `stop` is true, and reloads them when they have changed.
    pub async fn watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
            }
            let tls = Arc::clone(&self);
            // The files may be on a network.
            let _ = tokio::task::spawn_blocking(move || tls.reload_if_changed()).await;
        }
    }

    fn reload_if_changed(&self) {
        let now = Looks::of(&self.certificates, &self.key);
        if now != *self.read.lock().unwrap_or_else(PoisonError::into_inner) {
            self.reload();
        }
    }

    /// Shakes hands. `None`: the other end does not speak TLS, or not in time.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<(TlsStream<TcpStream>, Protocol)> {
        match tokio::time::timeout(HANDSHAKE_MAX, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let is_http_2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
                Some((stream, if is_http_2 { Protocol::Http2 } else { Protocol::Http1 }))
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS connection");
                None
            }
            Err(_) => {
                tracing::debug!("the TLS handshake was not done in time");
                None
            }
        }
    }
}

/// The pair that new connections get.
struct Current(RwLock<Arc<CertifiedKey>>);

impl std::fmt::Debug for Current {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What tells that files have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Looks([Option<(i64, i64, u64, u64)>; 2]);

impl Looks {
    fn of(certificates: &Path, key: &Path) -> Self {
        Self([certificates, key].map(|path| {
            let found = fs::metadata(path).ok()?;
            Some((found.mtime(), found.mtime_nsec(), found.len(), found.ino()))
        }))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read_pair(certificates: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let read = |path: &Path| fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source });
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificates)?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::Certificates(certificates.to_owned()))?;
    let no_key = || TlsError::Key(key.to_owned());
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| no_key())?;
    let private = provider().key_provider.load_private_key(private).map_err(|_| no_key())?;
    let pair = CertifiedKey::new(chain, private);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(TlsError::Mismatch { certificates: certificates.to_owned(), key: key.to_owned() })
        }
        Err(source) => Err(TlsError::Unusable { path: certificates.to_owned(), source }),
    }
}
