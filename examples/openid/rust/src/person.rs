//! What a person does in the browser: fills in the log-in page and the consent page. No part of an integration.

use std::error::Error;

use openidconnect::url::Url;
use ureq::{Agent, Response};

/// Somebody with a browser of their own, which keeps its cookies.
pub struct Person {
    username: &'static str,
    password: &'static str,
    browser: Agent,
}

impl Person {
    pub fn new(username: &'static str, password: &'static str) -> Self {
        Self { username, password, browser: ureq::AgentBuilder::new().redirects(0).build() }
    }

    /// Goes on from an address until the browser is sent to an app: the address there.
    pub fn follow(&self, address: &Url, until: &str) -> Result<Url, Box<dyn Error>> {
        let mut response = self.browser.request_url("GET", address).call()?;
        for _ in 0..8 {
            let here = Url::parse(response.get_url())?;
            if let Some(location) = response.header("location") {
                let location = here.join(location)?;
                if location.as_str().split('?').next() == Some(until) {
                    return Ok(location);
                }
                response = self.browser.request_url("GET", &location).call()?;
                continue;
            }
            let form = Form::of(response)?;
            let mut fields = form.given;
            if form.names.iter().any(|name| name == "password") {
                fields.push(("username".to_owned(), self.username.to_owned()));
                fields.push(("password".to_owned(), self.password.to_owned()));
            } else {
                fields.push(("decision".to_owned(), "allow".to_owned()));
            }
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            response = self.browser.request_url("POST", &here.join(&form.action)?).send_form(&fields)?;
        }
        Err(format!("the pages did not lead to {until}").into())
    }
}

/// The fields of one form: those that come filled in, and the names of all.
struct Form {
    action: String,
    given: Vec<(String, String)>,
    names: Vec<String>,
}

impl Form {
    /// The form of the page that logs in or decides.
    fn of(response: Response) -> Result<Self, Box<dyn Error>> {
        let place = format!("{} (status {})", response.get_url(), response.status());
        let page = response.into_string()?;
        let forms = page.split("<form").skip(1).filter_map(|rest| rest.split_once("</form>"));
        for (content, _) in forms {
            let mut tags = content.split('<');
            let action = tags.next().and_then(|tag| attribute(tag, "action")).unwrap_or_default();
            let mut form = Self { action, given: Vec::new(), names: Vec::new() };
            for tag in tags.filter(|tag| tag.starts_with("input") || tag.starts_with("button")) {
                let Some(name) = attribute(tag, "name") else { continue };
                if tag.contains(" type=\"hidden\"") || tag.contains(" checked") {
                    form.given.push((name.clone(), attribute(tag, "value").unwrap_or_default()));
                }
                form.names.push(name);
            }
            if form.names.iter().any(|name| name == "password" || name == "decision") {
                return Ok(form);
            }
        }
        Err(format!("no form to fill in at {place}").into())
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    let escapes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&"), ("&amp;", "&")];
    Some(escapes.iter().fold(value.to_owned(), |value, (escape, character)| value.replace(escape, character)))
}
