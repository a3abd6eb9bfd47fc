//! Whether a file has the form of a manifest. What its settings say is checked against the store, by who carries the command out.

use kimbai_engine::admin::{ClientManifest, OrganizationManifest, UserManifest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::document::Document;
use crate::config::Problem;

/// All that is wrong with a file's form.
pub(super) fn check(document: &Document) -> Vec<Problem> {
    let mut checker = Checker { document, problems: Vec::new() };
    if let Some(top) = checker.table(&[], &document.value) {
        for name in top.keys().filter(|name| *name != "realms") {
            checker.wrong(&[name], "unknown key", "everything stands below `realms`: [realms.NAME]");
        }
        for (name, realm) in checker.member(&[], top, "realms") {
            checker.realm(name, realm);
        }
    }
    checker.problems
}

struct Checker<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn realm(&mut self, realm: &str, value: &'a Value) {
        let path = ["realms", realm];
        let Some(table) = self.table(&path, value) else { return };
        for (client, value) in self.member(&path, table, "clients") {
            self.typed::<ClientManifest>(&["realms", realm, "clients", client], value);
        }
        for (label, value) in self.member(&path, table, "organizations") {
            self.typed::<OrganizationManifest>(&["realms", realm, "organizations", label], value);
        }
        for (user, value) in self.member(&path, table, "users") {
            self.typed::<UserManifest>(&["realms", realm, "users", user], value);
        }
    }

    /// The members of a table in a table.
    fn member(&mut self, path: &[&str], table: &'a Map<String, Value>, name: &str) -> Vec<(&'a String, &'a Value)> {
        let path = [path, &[name]].concat();
        let found = table.get(name).and_then(|value| self.table(&path, value));
        found.map(|table| table.iter().collect()).unwrap_or_default()
    }

    fn table(&mut self, path: &[&str], value: &'a Value) -> Option<&'a Map<String, Value>> {
        if value.is_object() {
            return value.as_object();
        }
        self.wrong(
            path,
            "expected a table",
            "write [realms.NAME], [realms.NAME.clients.ID] or [realms.NAME.users.NAME]",
        );
        None
    }

    fn typed<T: DeserializeOwned>(&mut self, path: &[&str], value: &Value) {
        if let Err(error) = serde_json::from_value::<T>(value.clone()) {
            self.wrong(path, &without_values(&error), "see `kimbai export` for the form");
        }
    }

    fn wrong(&mut self, path: &[&str], message: &str, advice: &str) {
        self.problems.push(self.document.problem(path, message, advice));
    }
}

/// The message without the value that it complains about: it may be a secret.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((found, expected)) => {
            let kind = found.split(['`', '"']).next().unwrap_or_default().trim_end();
            format!("expected {expected}, found {}", if kind.is_empty() { "something else" } else { kind })
        }
        None => text,
    }
}
