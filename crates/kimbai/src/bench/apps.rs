//! The apps that people log in to: who asks in a case. An app has grants of its own, so that no case stands on what another one did.
//! Those of OpenID Connect are the bench's own and registered by its server alone; the others are the sandbox's.

use kimbai_core::signing::SigningAlgorithm;

/// One app of a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum App {
    /// The demo app; it asks for no ID token.
    Plain,
    /// The demo app that signs its requests, in a realm where apps do.
    Signing,
    /// An app whose ID tokens are signed so.
    OpenId(SigningAlgorithm),
    /// The demo partner, in a realm that signs its tokens so.
    Partner(SigningAlgorithm),
}

/// What an app of OpenID Connect asks for: who it is, with name and mail address, and to stay.
pub(crate) const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];
/// The secret of all of them; the server that takes it lives as long as the bench.
pub(crate) const OPENID_SECRET: &str = "kimbai-bench-secret-0123456789abcdef";

/// Whose the bench's legacy tokens are: one of the demo shops, the demo person that owns it, and the demo app.
pub(crate) const LEGACY_TOKEN_SHOP: &str = "demo-shop";

/// A legacy token of the bench's, which only its server knows: as long as the platform's.
pub(crate) fn legacy_token(number: u32) -> String {
    format!("{number:0>518}")
}

/// The `client_id` of the app whose ID tokens are signed so.
pub(crate) fn openid_client_id(algorithm: SigningAlgorithm) -> String {
    format!("bench-{}", algorithm.name().to_ascii_lowercase())
}

/// The realm of partners that the bench's server has beside the demo one, and how far its port is from the first.
pub(crate) const EDDSA_PARTNERS: (&str, u16) = ("tconnect-eddsa", 8);
/// So many people of the bench's own are logged in by its partner, one after the other: a person has only so many grants.
pub(crate) const PARTNERS_PEOPLE: u32 = 100;
/// The password of those whose log-in is not measured. Its hash is next to nothing, so that 10,000 grants are made in seconds.
pub(crate) const CHEAP_PASSWORD: &str = "kimbai-bench";

/// The name of such a person.
pub(crate) fn cheap_person(number: u32) -> String {
    format!("bench-{}@example.vn", number % PARTNERS_PEOPLE)
}

/// The name of a person whose password costs what the demo people's costs.
pub(crate) fn person(number: u32) -> String {
    format!("bench-person-{}@example.vn", number % PARTNERS_PEOPLE)
}
