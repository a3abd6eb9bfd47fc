//! Claims about a person: what is known, which scope gives which, and what a request asks for by name (OpenID Connect Core
//! sections 5.1, 5.4 and 5.5).
//!
//! The claims of the protocol (`iss`, `aud`, `auth_time` …) are not among them, so that nothing that is known of a person can stand
//! in their place. A `claims` parameter has 8 KiB at most, and what is kept of it is of a fixed size.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::identity::IdentityRecord;
use crate::scope::{ScopeSet, ScopeTable};

/// What is known of a person, with the names of OpenID Connect's standard claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserClaims {
    /// The subject: never reassigned.
    pub sub: String,
    /// The full name.
    pub name: String,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The other standard claims.
    #[serde(default, skip_serializing_if = "StandardClaims::is_empty")]
    pub claims: StandardClaims,
    /// What identifies the person to a state; no standard claim and no ID token holds it.
    #[serde(default, skip_serializing_if = "IdentityRecord::is_empty")]
    pub identity: IdentityRecord,
}

/// The standard claims besides subject, name and mail address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardClaims {
    /// The surnames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// The given names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// The middle names, such as the Vietnamese tên đệm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// A casual name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// The name to be called by; not unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// URL of the profile page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// URL of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// URL of the web site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// Whether the mail address was seen to be the person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// `female`, `male` or another word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// `YYYY-MM-DD`, with year `0000` if it is left out, or `YYYY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    /// The time zone, such as `Asia/Ho_Chi_Minh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    /// The BCP 47 language tag, such as `vi-VN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The telephone number, best in E.164: `+84…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Whether the number was seen to be the person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    /// The postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// A postal address (OpenID Connect Core section 5.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The whole address, for a label; lines end in `\n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    /// Street, number and what belongs to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    /// City or district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// Province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// The country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl StandardClaims {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and of what they do not say, what `standing` says.
    #[must_use]
    pub fn over(self, standing: Self) -> Self {
        Self {
            family_name: self.family_name.or(standing.family_name),
            given_name: self.given_name.or(standing.given_name),
            middle_name: self.middle_name.or(standing.middle_name),
            nickname: self.nickname.or(standing.nickname),
            preferred_username: self.preferred_username.or(standing.preferred_username),
            profile: self.profile.or(standing.profile),
            picture: self.picture.or(standing.picture),
            website: self.website.or(standing.website),
            email_verified: self.email_verified.or(standing.email_verified),
            gender: self.gender.or(standing.gender),
            birthdate: self.birthdate.or(standing.birthdate),
            zoneinfo: self.zoneinfo.or(standing.zoneinfo),
            locale: self.locale.or(standing.locale),
            phone_number: self.phone_number.or(standing.phone_number),
            phone_number_verified: self.phone_number_verified.or(standing.phone_number_verified),
            address: self.address.or(standing.address),
        }
    }
}

/// Stored claims that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("claims: {0}")]
pub struct ClaimsError(#[from] serde_json::Error);

impl UserClaims {
    /// Reads stored claims.
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn parse(claims: &str) -> Result<Self, ClaimsError> {
        Ok(serde_json::from_str(claims)?)
    }

    /// Those of these claims that are known, by their names.
    #[must_use]
    pub fn select(&self, wanted: ClaimSet) -> Map<String, Value> {
        let Ok(Value::Object(mut known)) = serde_json::to_value(&self.claims) else { return Map::new() };
        known.insert("name".to_owned(), self.name.as_str().into());
        if let Some(email) = &self.email {
            known.insert("email".to_owned(), email.as_str().into());
        }
        known.retain(|name, _| ClaimSet::named(name).is_some_and(|claim| wanted.contains(claim)));
        known
    }
}

/// The claims that can be asked for; the position is the bit.
const NAMES: [&str; 18] = [
    "name",
    "email",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
];

/// A set of the claims that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClaimSet(u32);

impl ClaimSet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// The claim of this name, if it is one that can be asked for.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().position(|known| *known == name).map(|position| Self(1 << position))
    }

    /// The claims that a scope gives (OpenID Connect Core section 5.4).
    #[must_use]
    pub fn of_scope(scope: &str) -> Self {
        let names: &[&str] = match scope {
            "profile" => &PROFILE,
            "email" => &["email", "email_verified"],
            "phone" => &["phone_number", "phone_number_verified"],
            "address" => &["address"],
            _ => &[],
        };
        names.iter().filter_map(|name| Self::named(name)).fold(Self::EMPTY, Self::union)
    }

    /// The claims that a set of scopes gives.
    #[must_use]
    pub fn of_scopes(scope: ScopeSet, scopes: &ScopeTable) -> Self {
        scopes.definitions(scope).map(|scope| Self::of_scope(&scope.name)).fold(Self::EMPTY, Self::union)
    }

    /// The scopes among these that give at least one of these claims.
    #[must_use]
    pub fn given_by(self, among: ScopeSet, scopes: &ScopeTable) -> ScopeSet {
        let gives = |number: &u8| Self::of_scopes(ScopeSet(1 << number), scopes).intersection(self) != Self::EMPTY;
        among.numbers().filter(gives).fold(ScopeSet::EMPTY, |set, number| set.union(ScopeSet(1 << number)))
    }

    /// Whether every claim of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The claims in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The claims in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The claims of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names in it.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().enumerate().filter(move |(position, _)| self.0 & (1 << position) != 0).map(|(_, name)| name)
    }

    /// Every claim that can be asked for.
    #[must_use]
    pub const fn all() -> Self {
        Self((1 << NAMES.len()) - 1)
    }
}

const PROFILE: [&str; 13] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
];

/// What a request asks for by name, for either place (OpenID Connect Core section 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestedClaims {
    /// Beside what the scopes give at the `UserInfo` endpoint.
    pub userinfo: ClaimSet,
    /// In the ID token.
    pub id_token: ClaimSet,
}

impl RequestedClaims {
    /// None.
    pub const NONE: Self = Self { userinfo: ClaimSet::EMPTY, id_token: ClaimSet::EMPTY };

    /// Those of them that are among these, in either place.
    #[must_use]
    pub const fn within(self, claims: ClaimSet) -> Self {
        Self { userinfo: self.userinfo.intersection(claims), id_token: self.id_token.intersection(claims) }
    }

    /// As one number, as a store keeps it.
    #[must_use]
    pub const fn bits(self) -> u64 {
        ((self.userinfo.0 as u64) << 32) | self.id_token.0 as u64
    }

    /// What [`RequestedClaims::bits`] gave.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "each half is what is wanted")]
    pub const fn from_bits(bits: u64) -> Self {
        Self { userinfo: ClaimSet((bits >> 32) as u32), id_token: ClaimSet(bits as u32) }
    }
}

/// What a `claims` parameter says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimsParameter {
    /// The claims it asks for; those that we do not know are passed over.
    pub requested: RequestedClaims,
    /// The subject that the user must have (`"sub": {"value": …}` for the ID token).
    pub sub: Option<String>,
    /// Whether it insists on an authentication context that we do not have (section 5.5.1.1).
    pub is_acr_unmet: bool,
}

/// A `claims` parameter that is no JSON object of objects, or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the claims parameter is not a JSON object of at most {PARAMETER_BYTES_MAX} bytes")]
pub struct ClaimsParameterError;

const PARAMETER_BYTES_MAX: usize = 8_192;

/// The one authentication context class there is: a password.
pub const ACR: &str = "1";

impl ClaimsParameter {
    /// Reads the parameter.
    ///
    /// # Errors
    /// [`ClaimsParameterError`].
    pub fn parse(parameter: &str) -> Result<Self, ClaimsParameterError> {
        if parameter.len() > PARAMETER_BYTES_MAX {
            return Err(ClaimsParameterError);
        }
        let places: Map<String, Value> = serde_json::from_str(parameter).map_err(|_| ClaimsParameterError)?;
        let place = |name| match places.get(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(claims)) => Ok(claims.clone()),
            Some(_) => Err(ClaimsParameterError),
        };
        let (userinfo, id_token) = (place("userinfo")?, place("id_token")?);
        let set = |claims: &Map<String, Value>| {
            claims.keys().filter_map(|name| ClaimSet::named(name)).fold(ClaimSet::EMPTY, ClaimSet::union)
        };
        let sub = id_token.get("sub").and_then(|sub| sub.get("value")?.as_str()).map(str::to_owned);
        Ok(Self {
            requested: RequestedClaims { userinfo: set(&userinfo), id_token: set(&id_token) },
            sub,
            is_acr_unmet: id_token.get("acr").is_some_and(is_unmet),
        })
    }
}

/// Whether an `acr` request is essential and names none that we have.
fn is_unmet(acr: &Value) -> bool {
    let is_essential = acr.get("essential") == Some(&Value::Bool(true));
    let one = acr.get("value").into_iter();
    let mut wanted = acr.get("values").and_then(Value::as_array).into_iter().flatten().chain(one).peekable();
    is_essential && wanted.peek().is_some() && !wanted.any(|value| value == ACR)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person() -> UserClaims {
        UserClaims {
            sub: "1".to_owned(),
            name: "Đặng Thị Ngọc Ảnh".to_owned(),
            email: Some("an@example.vn".to_owned()),
            claims: StandardClaims {
                family_name: Some("Đặng".to_owned()),
                email_verified: Some(true),
                address: Some(Address { country: Some("VN".to_owned()), ..Address::default() }),
                ..StandardClaims::default()
            },
            identity: IdentityRecord { nationality: Some("VN".to_owned()), ..IdentityRecord::default() },
        }
    }

    #[test]
    fn claims_that_were_stored_before_there_were_others_are_read() {
        let before = r#"{"sub":"1","name":"An","email":"an@example.vn"}"#;
        let read = UserClaims::parse(before).unwrap();
        assert_eq!((read.claims.is_empty(), serde_json::to_string(&read).unwrap().as_str()), (true, before));
        let again = UserClaims::parse(&serde_json::to_string(&person()).unwrap()).unwrap();
        assert_eq!(again, person());
    }

    #[test]
    fn each_scope_gives_its_claims_and_no_others() {
        for (scope, expect) in [
            ("profile", json!({ "name": "Đặng Thị Ngọc Ảnh", "family_name": "Đặng" })),
            ("email", json!({ "email": "an@example.vn", "email_verified": true })),
            ("phone", json!({})),
            ("address", json!({ "address": { "country": "VN" } })),
            ("openid", json!({})),
            ("orders.read", json!({})),
        ] {
            assert_eq!(Value::Object(person().select(ClaimSet::of_scope(scope))), expect, "{scope}");
        }
        let all: ClaimSet = ["profile", "email", "phone", "address"]
            .map(ClaimSet::of_scope)
            .into_iter()
            .fold(ClaimSet::EMPTY, ClaimSet::union);
        assert_eq!(all, ClaimSet::all(), "a claim that no scope gives");
    }

    #[test]
    fn every_claim_that_is_kept_can_be_asked_for() {
        let text = || Some("x".to_owned());
        let full = json!({
            "family_name": text(), "given_name": text(), "middle_name": text(), "nickname": text(),
            "preferred_username": text(), "profile": text(), "picture": text(), "website": text(),
            "email_verified": false, "gender": text(), "birthdate": text(), "zoneinfo": text(), "locale": text(),
            "phone_number": text(), "phone_number_verified": true, "address": {},
        });
        let claims: StandardClaims = serde_json::from_value(full.clone()).unwrap();
        assert_eq!(serde_json::to_value(&claims).unwrap(), full);
        let person = UserClaims { claims, ..person() };
        assert_eq!(person.select(ClaimSet::all()).len(), NAMES.len());
    }

    #[test]
    fn nothing_that_is_known_of_a_person_can_be_a_claim_of_the_protocol_or_of_an_organization() {
        let of_protocol =
            ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "sid", "at_hash", "c_hash"];
        for name in of_protocol.into_iter().chain(crate::organization::CLAIMS) {
            assert_eq!(ClaimSet::named(name), None, "{name}");
            assert!(serde_json::from_value::<StandardClaims>(json!({ name: "x" })).is_err(), "{name}");
        }
    }

    #[test]
    fn a_claims_parameter_asks_for_what_we_know_and_ignores_the_rest() {
        let set = |names: &[&str]| {
            names.iter().map(|name| ClaimSet::named(name).unwrap()).fold(ClaimSet::EMPTY, ClaimSet::union)
        };
        for (parameter, expect) in [
            (r"{}", Some((set(&[]), set(&[])))),
            (r#"{"userinfo":{"name":null,"x":null}}"#, Some((set(&["name"]), set(&[])))),
            (
                r#"{"id_token":{"email":{"essential":true},"auth_time":null},"userinfo":null}"#,
                Some((set(&[]), set(&["email"]))),
            ),
            (r#"{"userinfo":{"address":{"essential":false}},"other":3}"#, Some((set(&["address"]), set(&[])))),
            ("", None),
            ("[]", None),
            ("{", None),
            (r#"{"userinfo":[]}"#, None),
            (r#"{"id_token":"name"}"#, None),
        ] {
            let found = ClaimsParameter::parse(parameter).ok();
            let found = found.map(|found| found.requested);
            assert_eq!(found, expect.map(|(userinfo, id_token)| RequestedClaims { userinfo, id_token }), "{parameter}");
            if let Some(requested) = found {
                assert_eq!(RequestedClaims::from_bits(requested.bits()), requested);
            }
        }
        let deep = format!("{}1{}", r#"{"userinfo":"#.repeat(200), "}".repeat(200));
        let long = |bytes: usize| format!("{{{}}}", " ".repeat(bytes - 2));
        assert!(ClaimsParameter::parse(&deep).is_err());
        assert!(ClaimsParameter::parse(&long(PARAMETER_BYTES_MAX)).is_ok());
        assert!(ClaimsParameter::parse(&long(PARAMETER_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_subject_or_a_context_that_is_insisted_on_is_noticed() {
        for (id_token, sub, is_acr_unmet) in [
            (json!({ "sub": { "value": "7" } }), Some("7"), false),
            (json!({ "sub": null }), None, false),
            (json!({ "sub": { "value": 7 } }), None, false),
            (json!({ "acr": { "essential": true, "values": ["1", "2"] } }), None, false),
            (json!({ "acr": { "essential": true, "values": ["2"] } }), None, true),
            (json!({ "acr": { "essential": true, "value": "2" } }), None, true),
            (json!({ "acr": { "essential": true } }), None, false),
            (json!({ "acr": { "values": ["2"] } }), None, false),
        ] {
            let found = ClaimsParameter::parse(&json!({ "id_token": id_token }).to_string()).unwrap();
            assert_eq!((found.sub.as_deref(), found.is_acr_unmet), (sub, is_acr_unmet), "{id_token}");
        }
    }
}
