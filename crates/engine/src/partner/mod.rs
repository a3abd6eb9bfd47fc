//! What partners ask for: the opening of their envelopes, log-ins and refreshes.
//!
//! Whoever calls this puts all refusals behind one wall; which one it was is for the log alone. Knows no platform's spelling.

mod envelope;
mod failures;
mod grants;
mod log_in;
mod places;
mod refresh;

pub(crate) use envelope::is_published_key;
pub use envelope::{DEMO_KEYS, EnvelopeRefusal, OpenedEnvelope};
pub(crate) use failures::Failures;
pub use log_in::{PartnerLogIn, PartnerLogInRefusal, PartnerRefusal};
pub(crate) use places::Places;
pub use places::{LOG_INS_AT_ONCE, LOG_INS_WAITING_IN_ALL_MAX, LOG_INS_WAITING_MAX, LogInPlace};
