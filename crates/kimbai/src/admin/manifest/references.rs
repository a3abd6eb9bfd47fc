//! Secrets that a file gives by reference: `env:NAME` and `file:PATH` are replaced by what they stand for.

use serde_json::{Map, Value};

use super::document::Document;
use crate::admin::secret;
use crate::config::Problem;

/// Where references may stand: in which table of a realm, at which key, dotted.
const PLACES: [(&str, &[&str]); 4] = [
    ("clients", &["client_secret"]),
    ("clients", &["partner", "key"]),
    ("users", &["password"]),
    ("users", &["password_hash"]),
];

/// Replaces all references of a file; what could not be is a problem each.
pub(super) fn resolve(document: &mut Document) -> Vec<Problem> {
    let mut value = std::mem::take(&mut document.value);
    let mut unresolved = Vec::new();
    for (realm, content) in members(Some(&mut value), "realms") {
        for (table, keys) in PLACES {
            for (name, party) in members(Some(content), table) {
                let found = keys.iter().try_fold(party, |value, key| value.get_mut(*key));
                let Some(Value::String(text)) = found else { continue };
                match secret::of_reference(text, &document.directory) {
                    Some(Ok(secret)) => secret.expose().clone_into(text),
                    Some(Err(reason)) => {
                        let path = ["realms", realm, table, name].into_iter().chain(keys.iter().copied());
                        unresolved.push((path.map(str::to_owned).collect::<Vec<_>>(), reason));
                    }
                    None => {}
                }
            }
        }
    }
    document.value = value;
    let problem = |(path, reason): &(Vec<String>, String)| {
        let advice = "set the variable, or give a file that this user may read, relative to the manifest";
        document.problem(&path.iter().map(String::as_str).collect::<Vec<_>>(), reason, advice)
    };
    unresolved.iter().map(problem).collect()
}

fn members<'a>(value: Option<&'a mut Value>, name: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    let table: Option<&mut Map<String, Value>> =
        value.and_then(|value| value.get_mut(name)).and_then(Value::as_object_mut);
    table.into_iter().flat_map(Map::iter_mut)
}
