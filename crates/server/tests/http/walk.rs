//! Walking an authorization request through whatever pages come, to its end.

use std::collections::BTreeMap;

use crate::fixture::{Answer, Browser, CALLBACK, PASSWORD, form};

/// No request leads through more answers.
const ANSWERS_MAX: usize = 12;

/// Where a request has led to.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    /// The pages that were shown, a letter each: l log in, a account, c consent.
    pub(super) pages: String,
    /// The parameters of the response, wherever they stood; none if it ended on a page of ours.
    pub(super) response: BTreeMap<String, String>,
    /// The last answer.
    pub(super) last: Answer,
}

impl Walk {
    /// A parameter of the response; empty if it is not there.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.response.get(name).map_or("", String::as_str)
    }

    #[track_caller]
    pub(super) fn code(&self) -> &str {
        let code = self.parameter("code");
        assert!(!code.is_empty(), "{self:?}");
        code
    }
}

/// Asks for this, logs `an` in, goes on with the account that is there, and allows all of it, whenever a page asks.
pub(super) async fn walk(browser: &mut Browser, request: &str) -> Walk {
    let first = browser.get(request).await;
    walk_on(browser, first).await
}

/// Goes on from an answer.
pub(super) async fn walk_on(browser: &mut Browser, first: Answer) -> Walk {
    let (mut pages, mut answer) = (String::new(), first);
    for _ in 0..ANSWERS_MAX {
        let location = answer.header("location").to_owned();
        if let Some(rest) = location.strip_prefix(CALLBACK) {
            let query = rest.trim_start_matches(['?', '#']).as_bytes();
            let response = form_urlencoded::parse(query).into_owned().collect();
            return Walk { pages, response, last: answer };
        }
        let has = |id: &str| answer.body.contains(&format!("id=\"{id}\""));
        answer = if answer.status == 303 {
            browser.get(&location).await
        } else if has("form-post") {
            return Walk { pages, response: hidden_fields(&answer.body), last: answer };
        } else if has("login") {
            pages.push('l');
            browser.post_log_in(&form(&answer), "an", PASSWORD).await
        } else if has("account-continue") {
            pages.push('a');
            let shown = form(&answer);
            let fields = [("continuation", shown.continuation.as_str()), ("account", "continue")];
            browser.post(&shown.action, &fields).await
        } else if has("consent-allow") {
            pages.push('c');
            let scopes: Vec<_> = super::openid::ALL.split(' ').chain(["orders.write"]).collect();
            browser.decide(&form(&answer), "allow", &scopes).await
        } else {
            return Walk { pages, response: BTreeMap::new(), last: answer };
        };
    }
    panic!("it does not end: {pages} {answer:?}");
}

/// The fields of a page that posts a response.
fn hidden_fields(body: &str) -> BTreeMap<String, String> {
    let fields = body.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |field: &str| {
        let (name, rest) = field.split_once('"').unwrap();
        let (_, rest) = rest.split_once("value=\"").unwrap();
        let value = rest.split('"').next().unwrap();
        // The ampersand last: what it escapes is no escape.
        let plain = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
        let value = plain.iter().fold(value.to_owned(), |value, (escaped, plain)| value.replace(escaped, plain));
        (name.to_owned(), value)
    };
    fields.map(field).collect()
}
