//! The certificate: readable, its key's, and valid for a while yet.

use std::net::IpAddr;
use std::path::Path;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Check;
use crate::config::{Config, TlsFiles};

/// What was read of a certificate.
#[derive(Debug, Clone)]
struct Facts {
    not_before_s: i64,
    not_after_s: i64,
    /// Hosts and addresses that it is for.
    names: Vec<String>,
}

/// Why it cannot be used; the text is for a person.
struct Unusable {
    found: String,
    advice: &'static str,
}

pub(super) fn check(config: &Config, now_s: i64) -> Check {
    match &config.tls {
        Some(files) => verdict(read(files), now_s),
        None if config.proxies.is_none() && config.listen.public.iter().any(|address| !address.ip().is_loopback()) => {
            Check::warning(
                NAME,
                "there is none, and other machines can reach the public address",
                "set tls.certificate_file and tls.private_key_file, or listen on loopback behind a proxy with TLS",
            )
        }
        None => Check::ok(NAME, "there is none: HTTP is spoken"),
    }
}

/// The hosts that the certificate is for; none where it cannot be read, which [`check`] says.
pub(super) fn names(config: &Config) -> Vec<String> {
    config.tls.as_ref().and_then(|files| read(files).ok()).map_or_else(Vec::new, |facts| facts.names)
}

fn verdict(read: Result<Facts, Unusable>, now_s: i64) -> Check {
    let facts = match read {
        Ok(facts) => facts,
        Err(Unusable { found, advice }) => return Check::problem(NAME, found, advice),
    };
    if facts.names.is_empty() {
        return Check::problem(NAME, "it names no host", "have one issued that names the host of each issuer");
    }
    let names = facts.names.join(", ");
    if now_s < facts.not_before_s {
        return Check::problem(NAME, format!("for {names}: not valid yet"), "set the clock, or wait");
    }
    let left_s = facts.not_after_s.saturating_sub(now_s);
    if left_s < 0 {
        return Check::problem(NAME, format!("for {names}: expired"), RENEW);
    }
    let days = left_s / DAY_S;
    let found = format!("for {names}: {days} days left");
    if days < DAYS_MIN { Check::warning(NAME, found, RENEW) } else { Check::ok(NAME, found) }
}

fn read(files: &TlsFiles) -> Result<Facts, Unusable> {
    let chain = CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unreadable(&files.certificate, &error))?;
    let Some(own) = chain.first().cloned() else {
        return Err(unreadable(&files.certificate, &pem::Error::NoItemsFound));
    };
    let key =
        PrivateKeyDer::from_pem_file(&files.private_key).map_err(|error| unreadable(&files.private_key, &error))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| Unusable {
        found: format!("certificate and private key do not make a pair: {error}"),
        advice: "name the key that this certificate was issued for",
    })?;
    facts(&own).ok_or_else(|| Unusable {
        found: format!("{} cannot be understood", files.certificate.display()),
        advice: "name an X.509 certificate in PEM, the server's own first",
    })
}

fn unreadable(path: &Path, error: &pem::Error) -> Unusable {
    let reason = if let pem::Error::Io(error) = error {
        error.to_string()
    } else if matches!(error, pem::Error::NoItemsFound) {
        "there is none in it".to_owned()
    } else {
        "it is not PEM".to_owned()
    };
    Unusable { found: format!("{}: {reason}", path.display()), advice: "name a file in PEM that this user may read" }
}

fn facts(certificate: &CertificateDer<'_>) -> Option<Facts> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    let names = certificate.subject_alternative_name().ok()?;
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(name).collect();
    Some(Facts { not_before_s: validity.not_before.timestamp(), not_after_s: validity.not_after.timestamp(), names })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(host) = name {
        return Some((*host).to_owned());
    }
    let GeneralName::IPAddress(bytes) = name else { return None };
    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from).ok();
    let address = four.or_else(|| <[u8; 16]>::try_from(*bytes).map(IpAddr::from).ok())?;
    Some(address.to_string())
}

const NAME: &str = "certificate";
const RENEW: &str = "renew it, and see why it was not renewed by itself";
const DAYS_MIN: i64 = 14;
const DAY_S: i64 = 86_400;

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::doctor::Verdict;

    const NOW_S: i64 = 1_800_000_000;

    #[test]
    fn its_days_are_counted_on_both_sides_of_each_limit() {
        let end = |left_s| (NOW_S - DAY_S, NOW_S + left_s);
        for (validity, names, verdict, expect) in [
            (end(14 * DAY_S), vec!["a", "b"], Verdict::Ok, "for a, b: 14 days left"),
            (end(14 * DAY_S - 1), vec!["a"], Verdict::Warning, "for a: 13 days left"),
            (end(0), vec!["a"], Verdict::Warning, "for a: 0 days left"),
            (end(-1), vec!["a"], Verdict::Problem, "for a: expired"),
            ((NOW_S + 1, NOW_S + DAY_S), vec!["a"], Verdict::Problem, "for a: not valid yet"),
            (end(90 * DAY_S), vec![], Verdict::Problem, "it names no host"),
        ] {
            let names = names.into_iter().map(str::to_owned).collect();
            let facts = Facts { not_before_s: validity.0, not_after_s: validity.1, names };
            let check = super::verdict(Ok(facts), NOW_S);
            assert_eq!((check.verdict, check.found.as_str()), (verdict, expect));
        }
    }

    #[test]
    fn files_are_read_and_what_is_wrong_with_them_is_said() {
        let place = tempfile::tempdir().unwrap();
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let hosts = ["login.example.vn".to_owned(), "10.0.0.1".to_owned()];
        let certificate = CertificateParams::new(hosts).unwrap().self_signed(&key).unwrap();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        for (certificate, key, expect) in [
            (certificate.as_str(), key.as_str(), "for login.example.vn, 10.0.0.1: "),
            (&certificate, &other.serialize_pem(), "certificate and private key do not make a pair: "),
            ("", &key, "c.pem: there is none in it"),
            (&certificate, "", "k.pem: there is none in it"),
            (&key, &key, "c.pem: there is none in it"),
            (&broken, &key, "certificate and private key do not make a pair: "),
        ] {
            let files = TlsFiles { certificate: place.path().join("c.pem"), private_key: place.path().join("k.pem") };
            fs::write(&files.certificate, certificate).unwrap();
            fs::write(&files.private_key, key).unwrap();
            let found = verdict(read(&files), NOW_S).found;
            assert!(found.contains(expect), "{found}");
        }
        let missing = TlsFiles { certificate: place.path().join("none"), private_key: place.path().join("k.pem") };
        let found = verdict(read(&missing), NOW_S).found;
        assert!(found.contains("none: No such file"), "{found}");
    }
}
