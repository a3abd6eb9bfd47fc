//! Keys that shall have no value. TOML cannot say null: a realm or client names such keys in `unset`, dotted.

use serde_json::{Map, Value};

use super::document::Document;
use crate::config::Problem;

/// The key that names the others.
const UNSET: &str = "unset";

/// Puts nulls in the place of the names; what is wrong with them is a problem each.
pub(super) fn resolve(document: &mut Document) -> Vec<Problem> {
    let mut value = std::mem::take(&mut document.value);
    let mut wrong = Vec::new();
    each_party(&mut value, |path, party| {
        let Some(names) = party.remove(UNSET) else { return };
        let is_set = names
            .as_array()
            .is_some_and(|names| names.iter().all(|name| name.as_str().is_some_and(|name| set_null(party, name))));
        if !is_set {
            wrong.push([path, &[UNSET.to_owned()]].concat());
        }
    });
    document.value = value;
    let problem = |path: &Vec<String>| {
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let advice = "write a list of keys that have no value here, such as unset = [\"lifetimes.refresh_idle_s\"]";
        document.problem(&path, "expected a list of keys that are given nowhere else", advice)
    };
    wrong.iter().map(problem).collect()
}

/// Puts names in the place of nulls.
pub(in crate::admin) fn name_nulls(manifest: &mut Value) {
    each_party(manifest, |_, party| {
        let mut names = Vec::new();
        take_nulls("", party, &mut names);
        if !names.is_empty() {
            party.insert(UNSET.to_owned(), names.into());
        }
    });
}

/// Calls for each realm without its clients and users, and for each client.
fn each_party(manifest: &mut Value, mut call: impl FnMut(&[String], &mut Map<String, Value>)) {
    let Some(realms) = manifest.get_mut("realms").and_then(Value::as_object_mut) else { return };
    for (name, realm) in realms {
        let Some(realm) = realm.as_object_mut() else { continue };
        let path = ["realms".to_owned(), name.clone()];
        let below = ["clients", "users"].map(|key| (key, realm.remove(key)));
        call(&path, realm);
        for (key, mut parties) in below.into_iter().filter_map(|(key, parties)| Some((key, parties?))) {
            for (id, client) in parties.as_object_mut().into_iter().flatten().filter(|_| key == "clients") {
                let path = [path.as_slice(), &[key.to_owned(), id.clone()]].concat();
                client.as_object_mut().into_iter().for_each(|client| call(&path, client));
            }
            realm.insert(key.to_owned(), parties);
        }
    }
}

/// Whether there was nothing at this dotted key, where null is now.
fn set_null(party: &mut Map<String, Value>, name: &str) -> bool {
    match name.split_once('.') {
        None => party.insert(name.to_owned(), Value::Null).is_none(),
        Some((table, rest)) => {
            let table = party.entry(table).or_insert_with(|| Value::Object(Map::new()));
            table.as_object_mut().is_some_and(|table| set_null(table, rest))
        }
    }
}

fn take_nulls(path: &str, table: &mut Map<String, Value>, names: &mut Vec<String>) {
    table.retain(|key, value| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if value.is_null() {
            names.push(path);
            return false;
        }
        let Some(below) = value.as_object_mut() else { return true };
        take_nulls(&path, below, names);
        !below.is_empty()
    });
}
