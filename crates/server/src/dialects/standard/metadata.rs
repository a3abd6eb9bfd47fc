//! Server metadata: one document for both of its places (RFC 8414 section 2, RFC 9207 section 3, OpenID Connect Discovery section 3,
//! RP-Initiated Logout section 2.1). Made once for a realm as it stands.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use kimbai_core::authorize::{ResponseMode, ResponseType};
use kimbai_core::claims::{ACR, ClaimSet};
use kimbai_core::organization;
use kimbai_core::realm::{IntrospectionListener, RealmSettings};
use kimbai_core::signing::SigningAlgorithm;
use kimbai_core::token::Payload;
use kimbai_engine::Realm;
use kimbai_pages::Language;
use serde::Serialize;
use url::Url;

/// So long may a cache keep it, in seconds.
pub(super) const MAX_AGE_S: u32 = 300;

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";
const WELL_KNOWN_OPENID: &str = "/.well-known/openid-configuration";

#[derive(Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    scopes_supported: Vec<&'a str>,
    response_types_supported: Vec<&'static str>,
    response_modes_supported: [&'static str; 3],
    grant_types_supported: &'static [&'static str],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint_auth_methods_supported: Option<[&'static str; 2]>,
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
    ui_locales_supported: [&'static str; 2],
    prompt_values_supported: [&'static str; 4],
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    #[serde(flatten)]
    openid: Option<OpenIdMetadata>,
}

/// What only an OpenID provider says.
#[derive(Serialize)]
struct OpenIdMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    userinfo_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_session_endpoint: Option<String>,
    subject_types_supported: [&'static str; 2],
    id_token_signing_alg_values_supported: Vec<&'static str>,
    userinfo_signing_alg_values_supported: Vec<&'static str>,
    acr_values_supported: [&'static str; 1],
    claim_types_supported: [&'static str; 1],
    claims_supported: Vec<&'static str>,
    claims_parameter_supported: bool,
}

/// What an ID token says besides what is known of the user.
const PROTOCOL_CLAIMS: [&str; 10] = ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"];

/// The document of a realm, made when it is asked for and the realm has changed.
#[derive(Debug, Default)]
pub(crate) struct MetadataCache(RwLock<Option<(Arc<Realm>, Arc<MetadataDocument>)>>);

/// The document, and an entity tag that changes with it, in its quotes.
#[derive(Debug)]
pub(super) struct MetadataDocument {
    pub(super) json: Bytes,
    pub(super) etag: String,
}

impl MetadataCache {
    pub(super) fn of(&self, realm: &Arc<Realm>) -> Arc<MetadataDocument> {
        if let Some((of, document)) = &*self.0.read().unwrap_or_else(PoisonError::into_inner)
            && Arc::ptr_eq(of, realm)
        {
            return Arc::clone(document);
        }
        let json = Bytes::from(serde_json::to_vec(&metadata(realm)).unwrap_or_default());
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, &json)));
        let document = Arc::new(MetadataDocument { json, etag });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(realm), Arc::clone(&document)));
        document
    }
}

/// Where the document is: the well-known part stands before the issuer's path (RFC 8414 section 3.1).
pub(super) fn path(issuer: &str) -> String {
    format!("{WELL_KNOWN}{}", issuer_path(issuer))
}

/// Where it is for OpenID Connect: the well-known part stands after the issuer's path (Discovery section 4).
pub(super) fn openid_path(issuer: &str) -> String {
    format!("{}{WELL_KNOWN_OPENID}", issuer_path(issuer))
}

fn issuer_path(issuer: &str) -> String {
    Url::parse(issuer).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}

fn metadata(realm: &Realm) -> Metadata<'_> {
    let settings = &realm.settings;
    let paths = &settings.paths;
    let url = |path: &str| endpoint_url(settings, path);
    // Clients cannot reach the operator's listener.
    let is_public = settings.introspection == IntrospectionListener::Public;
    Metadata {
        issuer: &settings.issuer,
        authorization_endpoint: url(&paths.authorize),
        token_endpoint: url(&paths.token),
        revocation_endpoint: url(&paths.revoke),
        introspection_endpoint: is_public.then(|| url(&paths.introspect)),
        jwks_uri: paths.jwks.as_deref().map(url),
        scopes_supported: settings.scopes.iter().filter(|scope| !scope.retired).map(|s| s.name.as_str()).collect(),
        response_types_supported: settings.response_types.iter().copied().map(ResponseType::name).collect(),
        response_modes_supported: ResponseMode::ALL.map(ResponseMode::name),
        grant_types_supported: grant_types(settings.token_shape.payload()),
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        introspection_endpoint_auth_methods_supported: is_public
            .then_some(["client_secret_basic", "client_secret_post"]),
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
        ui_locales_supported: Language::ALL.map(Language::tag),
        prompt_values_supported: ["none", "login", "consent", "select_account"],
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
        openid: (!realm.openid.is_empty()).then(|| openid_metadata(settings)),
    }
}

/// A short token has no room for what there is no grant of.
const fn grant_types(payload: Payload) -> &'static [&'static str] {
    match payload {
        Payload::Long => &["authorization_code", "refresh_token", "client_credentials"],
        Payload::Short => &["authorization_code", "refresh_token"],
    }
}

fn openid_metadata(settings: &RealmSettings) -> OpenIdMetadata {
    let algorithms: Vec<_> = settings.signing.algorithms.iter().copied().map(SigningAlgorithm::name).collect();
    let url = |path: &String| endpoint_url(settings, path);
    let of_organizations = settings.membership.iter().flat_map(|_| organization::CLAIMS);
    OpenIdMetadata {
        userinfo_endpoint: settings.paths.userinfo.as_ref().map(url),
        end_session_endpoint: settings.paths.end_session.as_ref().map(url),
        subject_types_supported: ["public", "pairwise"],
        id_token_signing_alg_values_supported: algorithms.clone(),
        userinfo_signing_alg_values_supported: algorithms,
        acr_values_supported: [ACR],
        claim_types_supported: ["normal"],
        claims_supported: PROTOCOL_CLAIMS.into_iter().chain(ClaimSet::all().names()).chain(of_organizations).collect(),
        claims_parameter_supported: true,
    }
}

/// The URL of an endpoint: its path on the issuer's host.
pub(crate) fn endpoint_url(settings: &RealmSettings, path: &str) -> String {
    let origin = Url::parse(&settings.issuer).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    format!("{origin}{path}")
}
