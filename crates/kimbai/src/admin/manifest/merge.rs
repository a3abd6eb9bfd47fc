//! Several files laid together. Tables are one table; anything else may be given once, even if it were the same.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::document::Document;
use crate::config::Problem;

/// All files as one value.
pub(super) fn merge(documents: &[Document]) -> Result<Value, Vec<Problem>> {
    let mut merger = Merger { given: HashMap::new(), problems: Vec::new() };
    let mut whole = Value::Object(Map::new());
    for document in documents {
        merger.lay(&mut whole, document, &document.value, &mut Vec::new());
    }
    if merger.problems.is_empty() { Ok(whole) } else { Err(merger.problems) }
}

struct Merger<'a> {
    /// What is given already, by which file.
    given: HashMap<Vec<&'a str>, &'a str>,
    problems: Vec<Problem>,
}

impl<'a> Merger<'a> {
    fn lay(&mut self, base: &mut Value, document: &'a Document, value: &'a Value, path: &mut Vec<&'a str>) {
        let (Value::Object(base), Value::Object(over)) = (base, value) else {
            let first = self.given.get(path.as_slice()).copied().unwrap_or("another file");
            let message = format!("{first} gives it too");
            self.problems.push(document.problem(path, &message, "leave it out of one of the files"));
            return;
        };
        for (key, value) in over {
            path.push(key);
            if let Some(base) = base.get_mut(key) {
                self.lay(base, document, value, path);
            } else {
                self.note(document, value, path);
                base.insert(key.clone(), value.clone());
            }
            path.pop();
        }
    }

    fn note(&mut self, document: &'a Document, value: &'a Value, path: &mut Vec<&'a str>) {
        self.given.insert(path.clone(), &document.name);
        for (key, value) in value.as_object().into_iter().flatten() {
            path.push(key);
            self.note(document, value, path);
            path.pop();
        }
    }
}
