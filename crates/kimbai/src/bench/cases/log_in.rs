//! A log-in with the right password, from the filled-in form to the session: what the hash costs, and little else.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::StatusCode;

use super::{Shed, Worker};
use crate::bench::connection::Answer;
use crate::bench::cookies::CookieJar;
use crate::bench::forms::{self, FilledIn, location};

impl Worker {
    /// Keeps a filled-in form for the case's requests.
    pub(in crate::bench) async fn take_form(&mut self) -> anyhow::Result<()> {
        let target = self.target();
        self.form = Some(forms::fill_in(self, &target.oauth()?.user).await?);
        Ok(())
    }

    /// Posts the form: each time a new session, of which this browser knows nothing the next time.
    pub(super) async fn log_in(&mut self) -> anyhow::Result<()> {
        let FilledIn { template, body } = self.form.as_ref().context("no form was filled in")?;
        let answer = self.connection.exchange(template, Bytes::from(body.clone())).await?;
        if Shed::is(&answer) {
            return Err(Shed.into());
        }
        check_session(&answer)
    }
}

/// A session's cookie, and the way back to the authorization endpoint.
fn check_session(answer: &Answer) -> anyhow::Result<()> {
    ensure!(answer.status == StatusCode::SEE_OTHER, "expected a redirect: {answer}");
    ensure!(location(answer)?.contains("continuation="), "expected the way back to authorize: {answer}");
    let mut cookies = CookieJar::default();
    cookies.take(&answer.headers);
    let header = cookies.header().with_context(|| format!("expected cookies: {answer}"))?;
    let has_session = header.to_str().is_ok_and(|cookies| cookies.contains("session"));
    ensure!(has_session, "expected the cookie of a session: {answer}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::header::{LOCATION, SET_COOKIE};
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_log_in_counts_only_with_a_session_and_the_way_back() {
        let check = |status, headers: &[(HeaderName, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            let headers: HeaderMap = headers.collect();
            check_session(&Answer { status, headers, body: Bytes::new() })
        };
        let back = (LOCATION, "/authorize?client_id=c&continuation=t");
        let session = (SET_COOKIE, "session-standard=s; HttpOnly; Path=/");
        assert!(check(StatusCode::SEE_OTHER, &[back.clone(), session.clone()]).is_ok());
        for (status, headers) in [
            (StatusCode::OK, vec![]),
            (StatusCode::OK, vec![back.clone(), session.clone()]),
            (StatusCode::SEE_OTHER, vec![back.clone()]),
            (StatusCode::SEE_OTHER, vec![session.clone()]),
            (StatusCode::SEE_OTHER, vec![(LOCATION, "/authorize?client_id=c"), session]),
            (StatusCode::SEE_OTHER, vec![back.clone(), (SET_COOKIE, "session-standard=; Max-Age=0")]),
            (StatusCode::SEE_OTHER, vec![back, (SET_COOKIE, "browser-standard=b; Path=/")]),
        ] {
            assert!(check(status, &headers).is_err(), "{status} {headers:?}");
        }
    }
}
