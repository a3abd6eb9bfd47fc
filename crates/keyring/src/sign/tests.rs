use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use serde_json::Value;

use super::*;

/// RFC 7515 appendix A.2.1.
const RSA: &str = r#"{"kty":"RSA",
    "n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e":"AQAB",
    "d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
    "p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
    "q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
    "dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
    "dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
    "qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}"#;
/// The signature of appendix A.2.1.
const RSA_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
/// RFC 7515 appendix A.3.1.
const EC: [&str; 3] = [
    "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
];
const EC_SIGNATURE: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// RFC 8037 appendix A.1.
const ED25519_SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const ED25519_PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// RFC 8037 appendix A.4.
const ED25519_MESSAGE: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const ED25519_SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn rsa() -> SigningKey {
    let jwk: Value = serde_json::from_str(RSA).unwrap();
    let member = |name: &str| decoded(jwk[name].as_str().unwrap());
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: member("n"), e: member("e") },
        d: member("d"),
        p: member("p"),
        q: member("q"),
        dP: member("dp"),
        dQ: member("dq"),
        qInv: member("qi"),
    };
    let pair = RsaKeyPair::from_components(&components).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    SigningKey::from_pkcs8(Zeroizing::new(der.as_ref().to_vec())).unwrap()
}

fn p256() -> SigningKey {
    let [d, x, y] = EC.map(decoded);
    let point = [[4].as_slice(), &x, &y].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &point).unwrap();
    SigningKey::from_pkcs8(Zeroizing::new(pair.to_pkcs8v1().unwrap().as_ref().to_vec())).unwrap()
}

fn ed25519() -> SigningKey {
    let pair = Ed25519KeyPair::from_seed_and_public_key(&decoded(ED25519_SEED), &decoded(ED25519_PUBLIC)).unwrap();
    SigningKey::from_pkcs8(Zeroizing::new(pair.to_pkcs8v1().unwrap().as_ref().to_vec())).unwrap()
}

/// The keys of the RFCs, one of each algorithm.
pub(crate) fn rfc_keys() -> [SigningKey; 3] {
    [rsa(), p256(), ed25519()]
}

impl SigningKey {
    /// A token that this key really signed, whatever it says.
    pub(crate) fn sign_whole(&self, message: &str) -> String {
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()).unwrap()))
    }
}

fn pem(key: &SigningKey) -> String {
    let base64 = STANDARD.encode(key.pkcs8());
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", lines.join("\n"))
}

#[test]
fn the_signatures_of_the_rfcs_are_met_and_verified() {
    let (rs256, es256) = (format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}"), format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}"));
    let signed = |key: &SigningKey, message: &str| URL_SAFE_NO_PAD.encode(key.pair.sign(message.as_bytes()).unwrap());
    assert_eq!(signed(&rsa(), &rs256), RSA_SIGNATURE);
    assert_eq!(signed(&ed25519(), ED25519_MESSAGE), ED25519_SIGNATURE);
    // ECDSA draws a number for each signature.
    assert_ne!(signed(&p256(), &es256), EC_SIGNATURE);
    for (key, message, signature) in [
        (rsa(), rs256.as_str(), RSA_SIGNATURE),
        (p256(), &es256, EC_SIGNATURE),
        (p256(), &es256, &signed(&p256(), &es256)),
        (ed25519(), ED25519_MESSAGE, ED25519_SIGNATURE),
    ] {
        let signature = decoded(signature);
        assert!(key.has_signed(message.as_bytes(), &signature), "{key:?}");
        assert!(!key.has_signed(b"another message", &signature), "{key:?}");
        for other in rfc_keys().iter().filter(|other| other.kid() != key.kid()) {
            assert!(!other.has_signed(message.as_bytes(), &signature), "{key:?} {other:?}");
        }
    }
}

#[test]
fn an_es256_signature_is_64_bytes_and_never_der() {
    for _ in 0..50 {
        assert_eq!(p256().pair.sign(b"x").unwrap().len(), 64);
    }
}

#[test]
fn a_jwt_has_the_header_of_its_kind_and_names_its_key() {
    for key in rfc_keys() {
        for (kind, typ) in [
            (JwtKind::Id, Some("JWT")),
            (JwtKind::Access, Some("at+jwt")),
            (JwtKind::UserInfo, None),
            (JwtKind::Refresh, Some("rt+jwt")),
        ] {
            let token = key.sign(kind, br#"{"sub":"1"}"#).unwrap();
            let parts: Vec<_> = token.expose().split('.').collect();
            let header: Value = serde_json::from_slice(&decoded(parts[0])).unwrap();
            assert_eq!((&header["alg"], &header["kid"]), (&key.algorithm().name().into(), &key.kid().into()));
            assert_eq!(header.get("typ").and_then(Value::as_str), typ);
            assert_eq!(header.as_object().unwrap().len(), if typ.is_some() { 3 } else { 2 });
            assert_eq!(decoded(parts[1]), br#"{"sub":"1"}"#);
            assert!(key.has_signed(format!("{}.{}", parts[0], parts[1]).as_bytes(), &decoded(parts[2])));
            assert_eq!(format!("{token:?}"), format!("SignedJwt({} bytes)", token.expose().len()));
        }
    }
}

#[test]
fn made_keys_differ_and_sign_with_their_algorithm() {
    for algorithm in SigningAlgorithm::ALL {
        let [one, other] = [(); 2].map(|()| SigningKey::generate(algorithm).unwrap());
        assert_eq!((one.algorithm(), other.algorithm()), (algorithm, algorithm));
        assert_ne!(one.kid(), other.kid());
        let signature = one.pair.sign(b"x").unwrap();
        assert!(one.has_signed(b"x", &signature) && !other.has_signed(b"x", &signature));
        assert_eq!(signature.len(), one.jwk.signature_bytes());
    }
}

#[test]
fn a_key_in_pem_is_taken_for_what_it_is_and_no_output_shows_it() {
    for key in rfc_keys() {
        let imported = SigningKey::from_pem(&pem(&key)).unwrap();
        assert_eq!((imported.kid(), imported.algorithm()), (key.kid(), key.algorithm()));
        let windows = format!("\r\n{}", pem(&key).replace('\n', "\r\n"));
        assert_eq!(SigningKey::from_pem(&windows).unwrap().kid(), key.kid());
        assert_eq!(format!("{imported:?}"), format!("SigningKey({} {})", key.algorithm().name(), key.kid()));
    }
}

#[test]
fn what_is_no_fitting_key_is_refused() {
    let key = pem(&p256());
    for (text, expect) in [
        (String::new(), SigningKeyError::Pem),
        (key.replace("PRIVATE", "RSA PRIVATE"), SigningKeyError::Pem),
        (key.replace("PRIVATE", "ENCRYPTED PRIVATE"), SigningKeyError::Pem),
        (key.replace("PRIVATE", "PUBLIC"), SigningKeyError::Pem),
        (key.replace(PEM_END, ""), SigningKeyError::Pem),
        (format!("{key}{key}"), SigningKeyError::Pem),
        (key.replace('M', "!"), SigningKeyError::Pem),
        (format!("{PEM_BEGIN}\n{PEM_END}"), SigningKeyError::Unsupported),
        (format!("{PEM_BEGIN}\nAAAA\n{PEM_END}"), SigningKeyError::Unsupported),
    ] {
        assert_eq!(SigningKey::from_pem(&text).unwrap_err(), expect, "{text}");
    }
    let p384 = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let p384 = Zeroizing::new(p384.to_pkcs8v1().unwrap().as_ref().to_vec());
    assert_eq!(SigningKey::from_pkcs8(p384).unwrap_err(), SigningKeyError::Unsupported);
    let mut cut = Zeroizing::new(rsa().pkcs8().to_vec());
    cut.pop();
    assert_eq!(SigningKey::from_pkcs8(cut).unwrap_err(), SigningKeyError::Unsupported);
}

#[test]
fn an_rsa_key_with_a_tiny_exponent_or_of_another_size_is_refused() {
    // Made with `openssl genpkey -algorithm RSA` for this test alone.
    for (name, pem, expect) in [
        ("exponent 3", include_str!("../../vectors/rsa_2048_e3.pem"), false),
        ("1024 bits", include_str!("../../vectors/rsa_1024.pem"), false),
        ("4096 bits", include_str!("../../vectors/rsa_4096.pem"), true),
        ("8192 bits", include_str!("../../vectors/rsa_8192.pem"), false),
    ] {
        let taken = SigningKey::from_pem(pem);
        assert_eq!(taken.is_ok(), expect, "{name}");
        assert!(matches!(taken, Ok(_) | Err(SigningKeyError::Unsupported)), "{name}");
    }
}
