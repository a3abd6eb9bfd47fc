//! Clients: what is registered of them, and how they prove who they are (RFC 6749 section 2).

mod authentication;
mod metadata;
mod partner;
mod presentation;
#[cfg(test)]
pub(crate) mod tests;

pub use authentication::{
    BasicCredentials, ClientAuthenticationError, ClientCredentials, PresentedSecrets, authenticate, proves_partner,
};
pub(crate) use metadata::only_code;
pub use metadata::{
    AuthenticationMethod, Client, ClientMetadata, ClientSecret, ConsentPolicy, GrantType, RegistrationError,
    SealedSecret, SecretDigest, SecretRepetition, SubjectType,
};
pub use partner::{
    AnswerForm, ENVELOPE_KEY_BYTES, ENVELOPE_KEYS_MAX, EnvelopeKey, FixedIv, IV_BYTES, IvLayout, KeySpelling,
    PARTNER_CODE_BYTES_MAX, Partner, SpellingError, is_partner_code,
};
pub use presentation::LogInPage;
