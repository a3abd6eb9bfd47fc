//! The wall in front of the envelopes. Without a MAC, whatever a server says of one is an oracle (CVE-2013-5960).
//!
//! Before an envelope is looked at: 405, 413, 415, 429, 503. Every other failure is one answer, at the same delay after the request
//! was there, or a multiple of it; success does not wait. The delay begins when the body has come whole: else who sends its last byte
//! at a chosen moment could see on which side of it our work ended. A log-in's begins when it has got one of its source's places,
//! which it keeps until its answer leaves: what opens waits for hashes, and many at once would tell by it.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use kimbai_core::realm::PartnerSettings;
use kimbai_engine::{LogInPlace, OpenedEnvelope, Throttled};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::error;
use super::mistake::{self, Suspect};
use super::request::{self, Unread};
use crate::http::front::{NotBefore, Reason};
use crate::http::json;
use crate::http::reply::HttpFault;
use crate::site::Call;

/// A request that was let through to its envelope.
pub(super) struct Attempt<'a> {
    pub(super) call: &'a Call,
    body: Bytes,
    held: NotBefore,
    /// Only log-ins have one.
    place: Option<LogInPlace>,
}

/// Why a request is one of those that get the one answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: Reason,
    /// Where the mistake may be behind it.
    pub(super) suspect: Suspect,
    pub(super) counts: Counts,
}

/// Whether a failure counts where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// At its source, in the name of the partner that it named: whether anything opened is not asked.
    Caller,
    /// Nowhere: it was our failure, or no guess.
    Nobody,
}

/// Which of the realm's delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// That of log-ins.
    LogIn,
    /// That of all else.
    Refresh,
}

impl<'a> Attempt<'a> {
    /// Judges what is judged before the envelope of who must wait when failing too often.
    pub(super) async fn begin(call: &'a Call, body: Body, pace: Pace) -> Result<Self, Response> {
        let body = read(call, body).await?;
        admit(call).map_err(error::too_many_failures)?;
        let occupied = match pace {
            Pace::LogIn => Some(place(call).await?),
            Pace::Refresh => None,
        };
        Self::at_envelope(call, (body, pace), occupied).ok_or_else(|| overloaded(call))
    }

    /// The same of who has shown a token, which is judged instead.
    pub(super) async fn begin_with_token(call: &'a Call, body: Body) -> Result<Self, Response> {
        let body = read(call, body).await?;
        Self::at_envelope(call, (body, Pace::Refresh), None).ok_or_else(|| overloaded(call))
    }

    /// Begins the delay; none while the store would take nothing.
    fn at_envelope(call: &'a Call, (body, pace): (Bytes, Pace), occupied: Option<LogInPlace>) -> Option<Self> {
        let delay = call.realm.settings.partners.map_or(Duration::ZERO, |partners| delay(&partners, pace));
        let held = NotBefore { arrived: Instant::now(), delay };
        call.site.engine.is_ready().then_some(())?;
        Some(Self { call, body, held, place: occupied })
    }

    /// Opens the envelope. Whatever is wrong with the header or the body, something is opened with some key.
    pub(super) fn open(&self) -> Result<OpenedEnvelope, Failure> {
        let code = request::partner_code(&self.call.headers);
        let digits = request::digits(&self.body);
        let sent = digits.as_deref().unwrap_or_default();
        let opened = self.call.site.engine.open_envelope(&self.call.realm, code.unwrap_or_default(), sent.as_bytes());
        let unread = match (code, digits, opened) {
            (Err(unread), _, _) | (Ok(_), Err(unread), _) => unread,
            (Ok(_), Ok(_), Err(refusal)) => Unread::Envelope(refusal),
            (Ok(_), Ok(_), Ok(opened)) => return Ok(opened),
        };
        Err(unread.into())
    }

    /// It needs its place no longer: its answer leaves at once.
    pub(super) fn done(mut self) {
        self.place = None;
    }

    /// The one answer.
    pub(super) fn refuse(self, failure: Failure) -> Response {
        let Call { site, realm, source, headers, .. } = self.call;
        match failure.counts {
            Counts::Caller => site.engine.count_failure(realm, request::partner_code(headers).ok(), *source),
            Counts::Nobody => {}
        }
        // What is spent on an explanation is spent behind the decision, so that it moves no answer.
        let held = self.held.decided(Instant::now());
        let mut response = error::unauthorized(mistake::explained(self.call, &self.body, failure));
        response.extensions_mut().insert(held);
        response
    }
}

impl Drop for Attempt<'_> {
    // Whoever goes away before the answer must not have more places for it.
    fn drop(&mut self) {
        let (place, held) = (self.place.take(), self.held);
        if let (Some(place), Ok(runtime)) = (place, Handle::try_current()) {
            runtime.spawn(async move {
                held.wait().await;
                drop(place);
            });
        }
    }
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        Self { why: error::unread(unread), suspect: Suspect::Request(unread), counts: Counts::Caller }
    }
}

impl Failure {
    /// That what was in an envelope is not what it should be; of that the names are kept alone.
    pub(super) fn of_members(unread: Unread, members: Map<String, Value>) -> Self {
        let names = members.into_iter().map(|(name, _)| name).take(NAMES_MAX).collect();
        Self { suspect: Suspect::Members(names), ..unread.into() }
    }
}

/// So many members are looked at for a mistake.
const NAMES_MAX: usize = 32;

/// The answer to who finds no room.
pub(super) fn overloaded(call: &Call) -> Response {
    error::fault(HttpFault::Overloaded, call.realm.settings.error_form)
}

async fn read(call: &Call, body: Body) -> Result<Bytes, Response> {
    json::read_first(&call.method, &call.headers, body)
        .await
        .map_err(|fault| error::fault(fault, call.realm.settings.error_form))
}

/// Turns away who has failed too often.
fn admit(call: &Call) -> Result<(), Throttled> {
    let code = request::partner_code(&call.headers).ok();
    call.site.engine.admit_partner(&call.realm, code, call.source)
}

/// A place for a log-in of this source, when it is its turn.
async fn place(call: &Call) -> Result<LogInPlace, Response> {
    let place = call.realm.log_in_place(call.source).await.ok_or_else(|| overloaded(call))?;
    // Those before it may have failed meanwhile.
    admit(call).map_err(error::too_many_failures)?;
    Ok(place)
}

fn delay(partners: &PartnerSettings, pace: Pace) -> Duration {
    Duration::from_millis(u64::from(match pace {
        Pace::LogIn => partners.failed_log_in_answer_ms,
        Pace::Refresh => partners.failed_refresh_answer_ms,
    }))
}
