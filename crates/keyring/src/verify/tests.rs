use aws_lc_rs::hmac;
use kimbai_core::signing::SigningAlgorithm;

use super::*;
use crate::sign::tests::rfc_keys;

const ISSUER: &str = "https://id.example.vn";
const CLAIMS: &str = r#"{"iss":"https://id.example.vn","sub":"1","aud":"web","iat":1000,"exp":2000}"#;

fn key(algorithm: SigningAlgorithm) -> SigningKey {
    rfc_keys().into_iter().find(|key| key.algorithm() == algorithm).unwrap()
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token that this key really signed, whatever its header and claims are.
fn signed(key: &SigningKey, header: &str, claims: &[u8]) -> String {
    key.sign_whole(&format!("{}.{}", encoded(header), encoded(claims)))
}

fn good(key: &SigningKey) -> String {
    key.sign(JwtKind::Id, CLAIMS.as_bytes()).unwrap().expose().to_owned()
}

fn check(keys: &[SigningKey], kind: JwtKind, token: &str) -> Result<VerifiedJwt, JwtFault> {
    verify(token, kind, ISSUER, |kid| keys.iter().find(|key| key.kid() == kid))
}

fn fault(token: &str) -> JwtFault {
    check(&rfc_keys(), JwtKind::Id, token).unwrap_err()
}

/// The header of a key with other members in the place of its `alg`.
fn header(key: &SigningKey, alg: &str) -> String {
    format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{}"}}"#, key.kid())
}

#[test]
fn a_token_of_ours_is_verified_and_its_claims_are_had() {
    for key in rfc_keys() {
        let claims = check(&rfc_keys(), JwtKind::Id, &good(&key)).unwrap().of_any_time();
        assert_eq!((&claims["sub"], &claims["aud"]), (&"1".into(), &"web".into()));
    }
}

#[test]
fn alg_none_is_refused_signed_or_not() {
    for key in rfc_keys() {
        for none in ["none", "None", "NONE", "nOnE", ""] {
            let header = header(&key, none);
            let unsigned = format!("{}.{}.", encoded(&header), encoded(CLAIMS));
            assert_eq!(fault(&unsigned), JwtFault::Form);
            assert_eq!(fault(&signed(&key, &header, CLAIMS.as_bytes())), JwtFault::Algorithm);
        }
    }
}

#[test]
fn hs256_with_a_public_key_as_its_secret_is_refused() {
    for key in rfc_keys() {
        for secret in [key.jwk().render(), key.kid().to_owned()] {
            let message = format!("{}.{}", encoded(header(&key, "HS256")), encoded(CLAIMS));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
            assert_eq!(fault(&format!("{message}.{}", encoded(tag))), JwtFault::Algorithm);
        }
    }
}

#[test]
fn the_algorithm_is_the_keys_and_not_what_the_header_asks_for() {
    for key in rfc_keys() {
        for alg in ["RS256", "ES256", "EdDSA", "PS256", "RS384", "RS512", "ES384", "HS512", "rs256", "Ed25519"] {
            let token = signed(&key, &header(&key, alg), CLAIMS.as_bytes());
            if alg == key.algorithm().name() {
                assert!(check(&rfc_keys(), JwtKind::Id, &token).is_ok());
            } else {
                assert_eq!(fault(&token), JwtFault::Algorithm, "{alg}");
            }
        }
    }
}

#[test]
fn a_header_that_brings_a_key_or_extensions_is_refused_although_its_signature_is_right() {
    for key in rfc_keys() {
        let (alg, kid, jwk) = (key.algorithm().name(), key.kid(), key.jwk().render());
        let ours = format!(r#""alg":"{alg}","typ":"JWT","kid":"{kid}""#);
        for member in [
            format!(r#""jwk":{jwk}"#),
            r#""jku":"https://evil.test/jwks""#.to_owned(),
            r#""x5u":"https://evil.test/chain""#.to_owned(),
            r#""x5c":["MIIB"]"#.to_owned(),
            r#""x5t":"AAAA""#.to_owned(),
            r#""x5t#S256":"AAAA""#.to_owned(),
            r#""crit":["exp"],"exp":1"#.to_owned(),
            r#""crit":[]"#.to_owned(),
            r#""b64":false"#.to_owned(),
            r#""zip":"DEF""#.to_owned(),
            r#""cty":"JWT""#.to_owned(),
            r#""enc":"A128GCM""#.to_owned(),
            r#""unknown":null"#.to_owned(),
        ] {
            let token = signed(&key, &format!("{{{ours},{member}}}"), CLAIMS.as_bytes());
            assert_eq!(fault(&token), JwtFault::Header, "{member}");
        }
    }
}

#[test]
fn a_header_with_a_member_twice_or_missing_or_of_another_type_is_refused() {
    let key = key(SigningAlgorithm::EdDsa);
    let kid = key.kid();
    for header in [
        format!(r#"{{"alg":"EdDSA","alg":"none","typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"none","alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","typ":"JWT","typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}","\u006bid":"{kid}"}}"#),
        format!(r#"{{"typ":"JWT","kid":"{kid}"}}"#),
        r#"{"alg":"EdDSA","typ":"JWT"}"#.to_owned(),
        format!(r#"{{"alg":null,"typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","typ":null,"kid":"{kid}"}}"#),
        format!(r#"{{"alg":["EdDSA"],"typ":"JWT","kid":"{kid}"}}"#),
        r#"{"alg":"EdDSA","typ":"JWT","kid":7}"#.to_owned(),
        format!(r#"["EdDSA","{kid}","JWT"]"#),
        format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}{{}}"#),
        "null".to_owned(),
        "x".to_owned(),
    ] {
        assert_eq!(fault(&signed(&key, &header, CLAIMS.as_bytes())), JwtFault::Header, "{header}");
    }
}

#[test]
fn a_kid_that_is_a_path_a_query_or_another_realms_key_is_refused() {
    let key = key(SigningAlgorithm::Es256);
    for kid in [
        "",
        "../../../../dev/null",
        "/etc/passwd",
        "x' UNION SELECT 'secret",
        "https://evil.test/key",
        "key\\u0000",
        &format!("{}=", key.kid()),
        &format!("{}A", key.kid()),
    ] {
        let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}"}}"#);
        assert_eq!(fault(&signed(&key, &header, CLAIMS.as_bytes())), JwtFault::Header, "{kid}");
    }
    let foreign = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    assert_eq!(fault(&good(&foreign)), JwtFault::UnknownKey(foreign.kid().to_owned()));
}

#[test]
fn a_key_of_one_kid_that_signs_in_the_name_of_another_is_refused() {
    let foreign = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    for key in rfc_keys() {
        let token = signed(&foreign, &header(&key, key.algorithm().name()), CLAIMS.as_bytes());
        assert_eq!(fault(&token), JwtFault::Signature);
    }
}

#[test]
fn a_token_of_one_kind_never_passes_for_another() {
    let key = key(SigningAlgorithm::EdDsa);
    let kinds = [JwtKind::Id, JwtKind::Access, JwtKind::UserInfo, JwtKind::Refresh];
    for made in kinds {
        let token = key.sign(made, CLAIMS.as_bytes()).unwrap();
        for taken in kinds {
            let verified = check(&rfc_keys(), taken, token.expose());
            assert_eq!(verified.err(), (made != taken).then_some(JwtFault::Type), "{made:?} as {taken:?}");
        }
    }
    for typ in ["jwt", "JWS", "application/at+jwt", "logout+jwt", "JOSE", ""] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"{typ}","kid":"{}"}}"#, key.kid());
        assert_eq!(fault(&signed(&key, &header, CLAIMS.as_bytes())), JwtFault::Type, "{typ}");
    }
}

#[test]
fn only_the_compact_form_is_read() {
    let token = good(&key(SigningAlgorithm::EdDsa));
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!() };
    for form in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"), // detached content (RFC 7515 appendix F)
        format!(".{claims}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}.{header}.{claims}.{signature}.{signature}"), // five parts, as a JWE has
        format!(r#"{{"payload":"{claims}","protected":"{header}","signature":"{signature}"}}"#),
        format!(r#"{{"payload":"{claims}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#),
        format!(" {token}"),
        format!("{token}\n"),
        format!("Bearer {token}"),
    ] {
        assert_eq!(fault(&form), JwtFault::Form, "{form}");
    }
}

#[test]
fn base64_has_one_spelling() {
    // 64 bytes of signature end in four bits that nobody reads.
    let token = good(&key(SigningAlgorithm::EdDsa));
    let (rest, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    for other in alphabet.chars().skip(place / 16 * 16).take(16).filter(|other| !last.contains(*other)) {
        assert_eq!(fault(&format!("{rest}{other}")), JwtFault::Form, "{other}");
    }
    for padded in
        [format!("{token}=="), format!("{token}="), token.replacen('.', "=.", 1), token.replacen('.', "\n.", 1)]
    {
        assert_eq!(fault(&padded), JwtFault::Form);
    }
    let key = key(SigningAlgorithm::Rs256);
    let standard = good(&key).replace('-', "+").replace('_', "/");
    assert_eq!(fault(&standard), JwtFault::Form);
}

#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    let keys = rfc_keys();
    for key in &keys {
        let token = good(key);
        for position in 0..token.len() {
            for replacement in ['A', 'z', '_', '.'] {
                let changed = format!("{}{replacement}{}", &token[..position], &token[position + 1..]);
                assert!(changed == token || check(&keys, JwtKind::Id, &changed).is_err(), "{changed}");
            }
            assert!(check(&keys, JwtKind::Id, &token[..position]).is_err());
        }
    }
}

#[test]
fn a_signature_of_zeros_or_in_der_is_refused() {
    // CVE-2022-21449: r = s = 0 was a signature of everything.
    let key = key(SigningAlgorithm::Es256);
    let (message, _) = good(&key).rsplit_once('.').map(|(m, s)| (m.to_owned(), s.to_owned())).unwrap();
    for signature in [vec![0; 64], vec![0xff; 64], vec![0x30, 6, 2, 1, 1, 2, 1, 1], vec![0; 63], vec![0; 65]] {
        assert_eq!(fault(&format!("{message}.{}", encoded(signature))), JwtFault::Signature);
    }
}

#[test]
fn a_token_of_8_kib_is_read_and_a_longer_one_is_not() {
    let key = key(SigningAlgorithm::EdDsa);
    let with = |padding: usize| {
        let claims = CLAIMS.replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(padding)), 1);
        key.sign(JwtKind::Id, claims.as_bytes()).unwrap().expose().to_owned()
    };
    let longest = (5_000..8_000).map(with).take_while(|token| token.len() <= 8_192).last().unwrap();
    assert!(longest.len() > 8_188 && check(&rfc_keys(), JwtKind::Id, &longest).is_ok());
    let padding = 8_192 - good(&key).len();
    assert_eq!(fault(&with(padding)), JwtFault::TooLong);
    // It is not looked at.
    assert_eq!(fault(&"x".repeat(8_193)), JwtFault::TooLong);
}

#[test]
fn times_that_are_no_whole_seconds_are_refused() {
    let key = key(SigningAlgorithm::EdDsa);
    for wrong in [
        r#""2000""#,
        "2000.0",
        "2000.5",
        "2e3",
        "1e300",
        "-1",
        "-0",
        "null",
        "[2000]",
        "{}",
        "true",
        "4294967296",
        "18446744073709551616",
        r#""""#,
    ] {
        for (name, claims) in [
            ("exp", format!(r#"{{"iss":"{ISSUER}","iat":1,"exp":{wrong}}}"#)),
            ("iat", format!(r#"{{"iss":"{ISSUER}","iat":{wrong},"exp":2000}}"#)),
            ("nbf", format!(r#"{{"iss":"{ISSUER}","iat":1,"nbf":{wrong},"exp":2000}}"#)),
        ] {
            let token = key.sign(JwtKind::Id, claims.as_bytes()).unwrap();
            assert_eq!(fault(token.expose()), JwtFault::Claims, "{name} {wrong}");
        }
    }
    for missing in [format!(r#"{{"iss":"{ISSUER}","iat":1}}"#), format!(r#"{{"iss":"{ISSUER}","exp":2000}}"#)] {
        let token = key.sign(JwtKind::Id, missing.as_bytes()).unwrap();
        assert_eq!(fault(token.expose()), JwtFault::Claims);
    }
}

#[test]
fn claims_with_a_member_twice_or_that_are_no_object_are_refused() {
    let key = key(SigningAlgorithm::EdDsa);
    for claims in [
        CLAIMS.replacen(r#""exp":2000"#, r#""exp":1,"exp":2000"#, 1),
        CLAIMS.replacen(r#""sub":"1""#, r#""sub":"1","sub":"2""#, 1),
        CLAIMS.replacen(r#""sub":"1""#, r#""sub":"1","address":{"a":1,"a":2}"#, 1),
        CLAIMS.replacen(r#""iss""#, r#""iss":"https://evil.test","iss""#, 1),
        format!("[{CLAIMS}]"),
        format!("{CLAIMS}{CLAIMS}"),
        "null".to_owned(),
    ] {
        assert_eq!(fault(key.sign(JwtKind::Id, claims.as_bytes()).unwrap().expose()), JwtFault::Claims, "{claims}");
    }
}

#[test]
fn another_issuer_in_any_spelling_is_refused() {
    let key = key(SigningAlgorithm::EdDsa);
    for (issuer, expect) in [
        (r#""https://id.example.vn/""#, JwtFault::Issuer),
        (r#""HTTPS://id.example.vn""#, JwtFault::Issuer),
        (r#""https://evil.test""#, JwtFault::Issuer),
        (r#""""#, JwtFault::Issuer),
        (r#"["https://id.example.vn"]"#, JwtFault::Claims),
        ("null", JwtFault::Claims),
    ] {
        let claims = format!(r#"{{"iss":{issuer},"iat":1,"exp":2000}}"#);
        assert_eq!(fault(key.sign(JwtKind::Id, claims.as_bytes()).unwrap().expose()), expect, "{issuer}");
    }
}

#[test]
fn time_matters_where_the_caller_says_so() {
    let key = key(SigningAlgorithm::EdDsa);
    let claims = format!(r#"{{"iss":"{ISSUER}","iat":1000,"nbf":1500,"exp":2000}}"#);
    let verified = || {
        let token = key.sign(JwtKind::Id, claims.as_bytes()).unwrap();
        check(&rfc_keys(), JwtKind::Id, token.expose()).unwrap()
    };
    for (now_s, expect) in [
        (1_499, Err(JwtFault::NotYet)),
        (1_500, Ok(())),
        (1_999, Ok(())),
        (2_000, Err(JwtFault::Expired)),
        (9_999, Err(JwtFault::Expired)),
    ] {
        assert_eq!(verified().current(Micros::from_unix_s(now_s)).map(drop), expect, "{now_s}");
    }
    assert_eq!(verified().of_any_time()["exp"], 2_000);
}
