//! The wall in front of the envelopes. Without a MAC, whatever a server says of one is an oracle (CVE-2013-5960).
//!
//! Before an envelope is looked at: 405, 413, 415, 429, 503. Every other failure is one answer, at the same delay after the request
//! was there, or a multiple of it; success does not wait. The delay begins when the body has come whole: else who sends its last byte
//! at a chosen moment could see on which side of it our work ended.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use kimbai_core::number::ClientNumber;
use kimbai_core::realm::PartnerSettings;
use kimbai_engine::OpenedEnvelope;

use super::request::{self, Unread};
use super::{error, mistake};
use crate::http::front::{NotBefore, Reason};
use crate::http::reply::HttpFault;
use crate::site::Call;

/// A request that was let through to its envelope.
pub(super) struct Attempt<'a> {
    pub(super) call: &'a Call,
    body: Bytes,
    arrived: Instant,
    delay: Duration,
}

/// Why a request is one of those that get the one answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: Reason,
    pub(super) counts: Counts,
}

/// Under whom a failure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// Its source.
    Source,
    /// The partner, from that source: the request was proven to be its, not by an envelope that opens, but by what was in it.
    Partner(ClientNumber),
    /// Nobody: it was our failure, or no guess.
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
    /// Judges what is judged before the envelope.
    pub(super) async fn begin(call: &'a Call, body: Body, pace: Pace) -> Result<Self, Response> {
        let fault = |fault| error::fault(fault, call.realm.settings.error_form);
        let body = request::json_body(call, body).await.map_err(fault)?;
        let arrived = Instant::now();
        let (engine, code) = (&call.site.engine, request::partner_code(&call.headers).ok());
        engine.admit_partner(&call.realm, code, call.source).map_err(error::too_many_failures)?;
        if !engine.is_ready() {
            return Err(fault(HttpFault::Overloaded));
        }
        let delay = call.realm.settings.partners.map_or(Duration::ZERO, |partners| delay(&partners, pace));
        Ok(Self { call, body, arrived, delay })
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
        let why = mistake::explained(self.call, &self.body, unread);
        Err(Failure { why, counts: Counts::Source })
    }

    /// The one answer.
    pub(super) fn refuse(&self, failure: Failure) -> Response {
        let Call { site, realm, source, .. } = self.call;
        match failure.counts {
            Counts::Source => site.engine.count_failure(realm, None, *source),
            Counts::Partner(partner) => site.engine.count_failure(realm, Some(partner), *source),
            Counts::Nobody => {}
        }
        let mut response = error::unauthorized(failure.why);
        response.extensions_mut().insert(NotBefore { arrived: self.arrived, delay: self.delay });
        response
    }
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        Self { why: error::unread(unread), counts: Counts::Source }
    }
}

fn delay(partners: &PartnerSettings, pace: Pace) -> Duration {
    Duration::from_millis(u64::from(match pace {
        Pace::LogIn => partners.failed_log_in_answer_ms,
        Pace::Refresh => partners.failed_refresh_answer_ms,
    }))
}
