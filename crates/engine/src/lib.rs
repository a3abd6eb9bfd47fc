//! The operations: what every dialect, the command line and the sandbox call. A file each.
//!
//! An operation loads, asks the core, lets the ledger do one verb, asks the core what came of it, and seals. It knows no HTTP and no
//! platform.

mod access_token;
pub mod admin;
mod administration;
mod app_code;
mod authorize;
mod client_authentication;
mod code;
mod continuation;
mod end_session;
mod engine;
mod error;
mod exchange;
mod follow;
mod guesses;
mod hint;
mod id_token;
mod introspect;
mod issue;
mod legacy_token;
mod log_in;
mod opening;
mod organization;
mod partner;
mod password_pool;
mod rate_limit;
mod realm;
mod revoke;
mod session;
mod setup;
mod signing;
mod source;
mod subject;
mod sweep;
mod token;
mod userinfo;

pub use access_token::IssuedToken;
pub use app_code::{AppCode, AppCodeError, AppCodeRequest};
pub use authorize::{
    AccountAsked, Authorized, ConsentAsked, Giver, GrantedCode, OfferedMembership, OrganizationAsked, Visit,
};
pub use client_authentication::SignatureExplanation;
pub use code::AuthorizationCode;
pub use continuation::{FormBinding, FormFault, Interaction};
pub use end_session::{LogOutRefusal, LogOutRequest, LogOutTerms};
pub use engine::{Engine, Store};
pub use error::{EngineError, TokenError};
pub use exchange::{ExchangeError, ExchangeRequest, ExchangedTokens};
pub use introspect::{Introspection, TokenFacts};
pub use kimbai_core::claims::UserClaims;
pub use legacy_token::{LEGACY_TOKEN_BYTES_MAX, LegacyToken, LegacyTokenError, LegacyTokenRefusal, NewLegacyToken};
pub use log_in::{DEMO_PASSWORDS, LogInRefusal};
pub use organization::NewOrganization;
pub use partner::{
    DEMO_KEYS, EnvelopeRefusal, LOG_INS_AT_ONCE, LOG_INS_WAITING_IN_ALL_MAX, LOG_INS_WAITING_MAX, LogInPlace,
    OpenedEnvelope, PartnerLogIn, PartnerLogInRefusal, PartnerRefusal,
};
pub use password_pool::{PasswordPlace, PasswordPoolUse};
pub use rate_limit::Throttled;
pub use realm::Realm;
pub use session::{BrowserSecret, SessionSecret, SignedIn};
pub use setup::{NewClient, NewUser, SetupError, claim, fits, is_claimed};
pub use signing::{JwkSetDocument, JwtError};
pub use source::Source;
pub use token::TokenAnswer;
pub use userinfo::{UserInfo, UserInfoForm};
