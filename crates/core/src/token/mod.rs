//! The token endpoint's decisions: which verb of the ledger a request asks for, and what its outcome means (RFC 6749 section 3.2).
//!
//! Order of the checks, each before the next: repeated and malformed parameters, `grant_type` present, client authentication, grant
//! type known, client registered for it, its parameters, the sealed credential, client and scope that it names, then the verb.

mod introspect;
mod plan;
mod pointer;
mod refusal;
mod rules;
mod settle;
#[cfg(test)]
mod tests;

pub use introspect::{Inactive, IntrospectionReach, Live, introspect, introspect_rowless, introspect_short};
pub use plan::{Plan, Presented, SealingKeys, TokenGrant, TokenRequest, is_allowed, plan};
pub use pointer::{Payload, Pointer, Rowless, ShortPointer, TokenKind};
pub use refusal::{Refusal, RequestFault, TokenRefusal};
pub use rules::{ServiceRules, TokenRules};
pub use settle::{Issued, Note, Refused, Retries, Settled, issue_rowless, settle_redemption, settle_rotation};
