//! A log-in as a person does it: through the pages, with cookies, without a script.
//! Stands on the ids that the pages keep for ever: `username`, `password`, `login`, `consent-allow`, `error`.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, COOKIE, LOCATION};
use url::Url;

use super::apps::App;
use super::cases::Worker;
use super::connection::{Answer, Connection, Template};
use super::cookies::CookieJar;
use super::html::Form;
use super::target::{Target, User};

/// Log-in page, consent page, and the redirects between them, with room to spare.
const STEPS_MAX: usize = 8;

/// Logs the demo person in and consents once to an app, so that from now on the authorization endpoint answers it at once.
pub(super) async fn log_in(worker: &mut Worker, app: App) -> anyhow::Result<()> {
    let query = worker.authorization_query(app, "log-in-of-the-bench")?;
    let target = worker.target();
    let mut visit = Visit {
        target: &target,
        connection: worker.connection(),
        cookies: CookieJar::default(),
        page: target.oauth()?.authorize_url(&query),
    };
    visit.run(&target.oauth()?.client(app)?.redirect_uri).await.context("log-in through the pages")?;
    let cookies = visit.cookies;
    worker.start_browsing(cookies)
}

/// A log-in form, filled in and ready to be posted.
#[derive(Debug)]
pub(super) struct FilledIn {
    pub(super) template: Template,
    pub(super) body: String,
}

/// Asks for the log-in page and fills it in, without posting it.
pub(super) async fn fill_in(worker: &mut Worker, user: &User) -> anyhow::Result<FilledIn> {
    let query = worker.authorization_query(App::Plain, "form-of-the-bench")?;
    let target = worker.target();
    let page = target.oauth()?.authorize_url(&query);
    let mut visit = Visit { target: &target, connection: worker.connection(), cookies: CookieJar::default(), page };
    let answer = visit.fetch(Template::get(&visit.page)?, String::new()).await?;
    let (action, body) = decision(&String::from_utf8_lossy(&answer.body), user)
        .with_context(|| format!("{} is no log-in page: {answer}", visit.page))?;
    let cookies = visit.cookies.header().context("the log-in page set no cookies")?;
    let template = Template::form(&visit.page.join(&action).context("form action")?)?;
    let template = template.with(ACCEPT, HeaderValue::from_static("text/html")).with(COOKIE, cookies);
    Ok(FilledIn { template, body })
}

struct Visit<'a> {
    target: &'a Target,
    connection: &'a mut Connection,
    cookies: CookieJar,
    page: Url,
}

impl Visit<'_> {
    async fn run(&mut self, redirect_uri: &str) -> anyhow::Result<()> {
        let mut answer = self.fetch(Template::get(&self.page)?, String::new()).await?;
        for _ in 0..STEPS_MAX {
            if answer.status.is_redirection() {
                let location = location(&answer)?;
                if location.starts_with(redirect_uri) {
                    return if location.contains("code=") {
                        Ok(())
                    } else {
                        bail!("redirected without a code: {location}")
                    };
                }
                self.page = self.page.join(location).context("Location")?;
                answer = self.fetch(Template::get(&self.page)?, String::new()).await?;
                continue;
            }
            let body = String::from_utf8_lossy(&answer.body);
            let Some((action, submission)) = decision(&body, &self.target.oauth()?.user) else {
                bail!("{} is neither a log-in nor a consent page: {answer}", self.page);
            };
            self.page = self.page.join(&action).context("form action")?;
            answer = self.fetch(Template::form(&self.page)?, submission).await?;
        }
        bail!("no redirect to the client within {STEPS_MAX} steps; the last answer: {answer}")
    }

    async fn fetch(&mut self, template: Template, body: String) -> anyhow::Result<Answer> {
        if self.page.origin() != self.target.issuer.origin() {
            bail!("led away to {}", self.page);
        }
        let mut template = template.with(ACCEPT, HeaderValue::from_static("text/html"));
        if let Some(cookies) = self.cookies.header() {
            template = template.with(COOKIE, cookies);
        }
        let answer = self.connection.exchange(&template, Bytes::from(body)).await?;
        self.cookies.take(&answer.headers);
        Ok(answer)
    }
}

/// Where an answer redirects to.
pub(super) fn location(answer: &Answer) -> anyhow::Result<&str> {
    let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    location.with_context(|| format!("a redirect without Location: {answer}"))
}

/// What a person does on a page: address and body of the form that they send.
fn decision(page: &str, user: &User) -> Option<(String, String)> {
    let forms = Form::all(page);
    let log_in = forms.iter().find(|form| form.has_field("username") && form.has_field("password"));
    if let Some(mut form) = log_in.cloned() {
        form.fill("username", &user.username);
        form.fill("password", &user.password);
        return Some((form.action.clone(), form.submission("login")));
    }
    let form = forms.iter().find(|form| form.has_button("consent-allow"))?;
    Some((form.action.clone(), form.submission("consent-allow")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_logs_in_allows_and_gives_up_on_other_pages() {
        let user = User { username: "an".to_owned(), password: "kimbai demo".to_owned() };
        let log_in = r#"<form action="?lang=vi"><button>vi</button></form>
            <form method="post" action="/login?a=1&amp;b=2">
            <input type="hidden" name="token" value="t"><input id="username" name="username">
            <input id="password" name="password" type="password"><button id="login">Log in</button></form>"#;
        assert_eq!(
            decision(log_in, &user).unwrap(),
            ("/login?a=1&b=2".to_owned(), "token=t&username=an&password=kimbai+demo".to_owned())
        );
        let consent = r#"<form method="post" action=""><input type="hidden" name="token" value="t">
            <input type="checkbox" name="scope" value="a" checked>
            <button id="consent-allow" name="decision" value="allow">Allow</button>
            <button id="consent-deny" name="decision" value="deny">Deny</button></form>"#;
        assert_eq!(decision(consent, &user).unwrap(), (String::new(), "token=t&scope=a&decision=allow".to_owned()));
        assert_eq!(decision("<p id=\"error\">No.</p>", &user), None);
    }
}
