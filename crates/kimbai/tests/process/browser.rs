//! A browser towards one realm: cookies, and the one form of a page.

use std::collections::BTreeMap;

use crate::fixture::{Answer, Call, Connection};
use crate::secrets::Secrets;

/// A browser, which tells what it was given in confidence.
pub(crate) struct Browser {
    port: u16,
    /// What it, or a proxy before the server, sends with each request.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, headers: Vec::new(), cookies: BTreeMap::new() }
    }

    pub(crate) async fn get(&mut self, target: &str, secrets: &mut Secrets) -> Answer {
        self.send(Call::get(target), secrets).await
    }

    /// Fills the form of a page and sends it.
    pub(crate) async fn submit(&mut self, page: &Answer, fields: &[(&str, &str)], secrets: &mut Secrets) -> Answer {
        let action = after(page, "<form method=\"post\" action=\"");
        let continuation = after(page, "name=\"continuation\" value=\"");
        secrets.add("continuation", &continuation);
        let mut form = vec![("continuation", continuation.as_str())];
        form.extend(fields);
        self.send(Call::post(&action, &form), secrets).await
    }

    pub(crate) async fn send(&mut self, call: Call, secrets: &mut Secrets) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = self.headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        let answer = Connection::to(self.port).send(&call.header("cookie", &cookies.join("; "))).await.unwrap();
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            secrets.add(name, value);
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

/// A parameter of the URL that an answer leads to.
pub(crate) fn parameter(answer: &Answer, name: &str) -> String {
    let query = answer.header("location").split_once('?').map_or("", |(_, query)| query);
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(of, _)| of == name).map(|(_, value)| value.into_owned());
    found.unwrap_or_else(|| panic!("no {name}: {answer:?}"))
}

#[track_caller]
fn after(page: &Answer, marker: &str) -> String {
    let (_, rest) = page.body.split_once(marker).unwrap_or_else(|| panic!("no {marker}: {page:?}"));
    let (value, _) = rest.split_once('"').unwrap();
    value.replace("&#38;", "&").replace("&amp;", "&")
}
