//! What a driver looks at in an ID token: its shape and its algorithm. The signature is checked by the tests; here it would cost the
//! driver more than the server, on cores that they share.

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::signing::SigningAlgorithm;
use serde::Deserialize;

use super::super::apps::App;

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
}

/// Whether a token response has the ID token that the app is to get: none, or a JWT of three parts that its algorithm signed
/// (RFC 7515 section 7.1).
pub(super) fn check(id_token: Option<&str>, app: App) -> anyhow::Result<()> {
    match (app, id_token) {
        (App::OpenId(algorithm), Some(id_token)) => check_shape(id_token, algorithm),
        (App::OpenId(algorithm), None) => Err(anyhow::anyhow!("expected an ID token of {}", algorithm.name())),
        (App::Plain | App::Signing | App::Partner(_), None) => Ok(()),
        (App::Plain | App::Signing | App::Partner(_), Some(_)) => {
            Err(anyhow::anyhow!("expected no ID token: `openid` was not asked for"))
        }
    }
}

fn check_shape(id_token: &str, algorithm: SigningAlgorithm) -> anyhow::Result<()> {
    let parts: Vec<&str> = id_token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { anyhow::bail!("expected an ID token of three parts") };
    ensure!(!payload.is_empty() && !signature.is_empty(), "expected an ID token of three parts");
    let header = URL_SAFE_NO_PAD.decode(header).context("the ID token's header")?;
    let header: Header<'_> = serde_json::from_slice(&header).context("the ID token's header")?;
    ensure!(header.alg == algorithm.name(), "expected an ID token of {}, not of {}", algorithm.name(), header.alg);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_token_comes_to_whom_it_is_due_in_three_parts_and_of_the_apps_algorithm() {
        let jwt = |alg: &str| {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"k"}}"#));
            format!("{header}.e30.c2ln")
        };
        let es256 = App::OpenId(SigningAlgorithm::Es256);
        assert!(check(Some(&jwt("ES256")), es256).is_ok());
        assert!(check(None, App::Plain).is_ok());
        assert!(check(Some(&jwt("ES256")), App::Plain).is_err());
        assert!(check(None, es256).is_err());
        let whole = jwt("ES256");
        for wrong in [
            jwt("RS256"),
            jwt("none"),
            whole.replace("c2ln", ""),
            whole.replace(".c2ln", ""),
            whole.replace(".e30.", ".."),
            format!("{whole}.c2ln"),
            format!("x{whole}"),
            String::new(),
        ] {
            assert!(check(Some(&wrong), es256).is_err(), "{wrong}");
        }
    }
}
