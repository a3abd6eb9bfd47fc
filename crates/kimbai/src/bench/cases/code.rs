//! The authorization code flow of someone who is logged in and has consented before: one redirect, one token request.

use anyhow::{Context, ensure};
use bytes::Bytes;
use form_urlencoded::{Serializer, parse};
use http::StatusCode;
use http::header::{COOKIE, SET_COOKIE};

use super::Worker;
use super::token::grant_of;
use crate::bench::apps::App;
use crate::bench::connection::{Answer, Template};
use crate::bench::cookies::CookieJar;
use crate::bench::forms::location;
use crate::bench::oauth::CODE_CHALLENGE;
use crate::bench::realms::ProofKey;

/// A browser that is logged in.
#[derive(Debug)]
pub(super) struct Browser {
    cookies: CookieJar,
    authorize: Template,
    visits: u64,
}

impl Worker {
    /// Keeps the cookies of a log-in for the case's requests.
    pub(in crate::bench) fn start_browsing(&mut self, cookies: CookieJar) -> anyhow::Result<()> {
        let header = cookies.header().context("the log-in set no cookies")?;
        let authorize = self.target.oauth()?.authorize.clone().with(COOKIE, header);
        self.browser = Some(Browser { cookies, authorize, visits: 0 });
        Ok(())
    }

    /// The query of an authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect Core section 3.1.2.1).
    pub(in crate::bench) fn authorization_query(&self, app: App, state: &str) -> anyhow::Result<String> {
        let client = self.target.oauth()?.client(app)?;
        let mut query = Serializer::new(String::new());
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &client.client_id);
        query.append_pair("redirect_uri", &client.redirect_uri);
        query.append_pair("scope", &client.scopes.join(" "));
        query.append_pair("state", state);
        if let App::OpenId(_) = app {
            query.append_pair("nonce", state);
        }
        if self.target.oauth()?.proof_key == ProofKey::S256 {
            query.append_pair("code_challenge", CODE_CHALLENGE);
            query.append_pair("code_challenge_method", "S256");
        }
        Ok(query.finish())
    }

    pub(super) async fn code(&mut self, app: App) -> anyhow::Result<()> {
        let target = self.target();
        let browser = self.browser.as_mut().context("not logged in")?;
        browser.visits += 1;
        let state = format!("bench-{}-{}", self.number, browser.visits);
        let authorize = browser.authorize.clone();
        let template = authorize.with_query(&self.authorization_query(app, &state)?)?;
        let answer = self.connection.exchange(&template, Bytes::new()).await?;
        self.keep_cookies(&answer)?;
        let code = code_of(&answer, &target.oauth()?.client(app)?.redirect_uri, &state)?;
        let answer = self.redeem(app, &code).await?;
        grant_of(&answer, app).map(drop)
    }

    fn keep_cookies(&mut self, answer: &Answer) -> anyhow::Result<()> {
        if !answer.headers.contains_key(SET_COOKIE) {
            return Ok(());
        }
        let browser = self.browser.as_mut().context("not logged in")?;
        browser.cookies.take(&answer.headers);
        let header = browser.cookies.header().context("the session was ended")?;
        browser.authorize = self.target.oauth()?.authorize.clone().with(COOKIE, header);
        Ok(())
    }
}

/// The code of an authorization response (RFC 6749 section 4.1.2).
fn code_of(answer: &Answer, redirect_uri: &str, state: &str) -> anyhow::Result<String> {
    let redirected = matches!(answer.status, StatusCode::FOUND | StatusCode::SEE_OTHER);
    ensure!(redirected, "expected a redirect to the client: {answer}");
    let query = location(answer)?.strip_prefix(redirect_uri).and_then(|rest| rest.strip_prefix('?'));
    let query = query.with_context(|| format!("expected a redirect to {redirect_uri}: {answer}"))?;
    let value = |name| parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    ensure!(value("state").as_deref() == Some(state), "expected the state {state}: {answer}");
    value("code").filter(|code| !code.is_empty()).with_context(|| format!("expected a code: {answer}"))
}

#[cfg(test)]
mod tests {
    use http::header::LOCATION;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn redirect(status: StatusCode, location: &'static str) -> Answer {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        Answer { status, headers, body: Bytes::new() }
    }

    #[test]
    fn a_code_counts_only_at_the_right_address_with_the_right_state() {
        let code = |status, location| code_of(&redirect(status, location), "http://c/cb", "bench-1-1");
        assert_eq!(code(StatusCode::SEE_OTHER, "http://c/cb?code=a%2Eb&state=bench-1-1&iss=i").unwrap(), "a.b");
        for (status, location) in [
            (StatusCode::OK, "http://c/cb?code=a&state=bench-1-1"),
            (StatusCode::FOUND, "http://c/other?code=a&state=bench-1-1"),
            (StatusCode::FOUND, "http://c/cb?code=a&state=bench-1-2"),
            (StatusCode::FOUND, "http://c/cb?error=access_denied&state=bench-1-1"),
            (StatusCode::FOUND, "/login?continue=1"),
        ] {
            assert!(code(status, location).is_err(), "{location}");
        }
    }
}
