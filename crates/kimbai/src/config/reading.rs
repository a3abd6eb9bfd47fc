//! All sources over one another: which value counts, what it is, and what is wrong with it.

use std::cmp::Ordering;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::keys::{Entry, Fallback, Key};
use super::origin::Origin;
use super::problem::Problem;
use super::value::{Item, Shape, Value};

/// What one source gives for a key. It may be a secret, and has no `Debug`.
pub(crate) struct Given {
    pub(super) entry: &'static Entry,
    pub(super) items: Vec<Item>,
    pub(super) origin: Origin,
}

impl Given {
    /// From a text, as the environment and flags have it.
    pub(super) fn of_text(entry: &'static Entry, text: &str, origin: &Origin) -> Self {
        Self { entry, items: items(entry.shape, text, origin), origin: origin.clone() }
    }
}

/// A text cut into the items of a value: a list at its commas.
fn items(shape: Shape, text: &str, origin: &Origin) -> Vec<Item> {
    let item = |text: &str| Item { text: text.to_owned(), origin: origin.clone() };
    match shape {
        Shape::List if text.trim().is_empty() => Vec::new(),
        Shape::List => text.split(',').map(|part| item(part.trim())).collect(),
        Shape::Text | Shape::Number => vec![item(text)],
    }
}

/// A key, its value as it is shown, and where that comes from.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) entry: &'static Entry,
    /// Nothing if it is absent.
    pub(crate) shown: Option<Json>,
    pub(crate) origin: Origin,
}

/// Takes one key after the other out of what was given.
pub(super) struct Reading {
    /// The strongest source first.
    given: Vec<Given>,
    /// What paths in the file, and the default ones, are relative to.
    file_directory: PathBuf,
    pub(super) settings: Vec<Setting>,
    pub(super) problems: Vec<Problem>,
}

impl Reading {
    pub(super) fn new(given: Vec<Given>, file_directory: PathBuf, problems: Vec<Problem>) -> Self {
        Self { given, file_directory, settings: Vec::new(), problems }
    }

    /// The value of a key; nothing if it is absent, or wrong.
    pub(super) fn take<T: Value>(&mut self, key: &'static Key<T>) -> Option<T> {
        let value = self.read(key);
        let shown = value.as_ref().map(Value::show);
        self.settings.push(Setting { entry: &key.entry, shown, origin: self.origin(&key.entry) });
        value
    }

    /// The same, where another value stands for an absent one.
    pub(super) fn take_or<T: Value>(&mut self, key: &'static Key<T>, absent: T) -> Option<T> {
        let value = if self.is_given(&key.entry) { self.read(key) } else { Some(absent) };
        let shown = value.as_ref().map(Value::show);
        self.settings.push(Setting { entry: &key.entry, shown, origin: self.origin(&key.entry) });
        value
    }

    /// The value of a key that some source has; it is not set out yet.
    pub(super) fn read_given<T: Value>(&mut self, key: &'static Key<T>) -> Option<T> {
        if self.is_given(&key.entry) { self.read(key) } else { None }
    }

    /// Sets out a key whose value followed from others as well.
    pub(super) fn set_out(&mut self, entry: &'static Entry, shown: Option<Json>, origin: Origin) {
        self.settings.push(Setting { entry, shown, origin });
    }

    /// A default path: relative to the file's directory.
    pub(super) fn beside_file(&self, path: &str) -> PathBuf {
        self.file_directory.join(path)
    }

    /// Which of two keys counts, when they say the same thing: the one that the stronger source has. Both of one source are a problem.
    pub(super) fn strongest(
        &mut self,
        one: &'static Entry,
        other: &'static Entry,
        advice: &str,
    ) -> Option<&'static Entry> {
        let (first, second) = (self.find(one), self.find(other));
        let (Some(first), Some(second)) = (first, second) else { return first.or(second).map(|given| given.entry) };
        match first.origin.strength().cmp(&second.origin.strength()) {
            Ordering::Greater => Some(one),
            Ordering::Less => Some(other),
            Ordering::Equal => {
                let message = format!("{} is given as well as {}", other.name, one.name);
                let problem = Problem::new(second.origin.clone(), message, advice);
                self.problems.push(problem);
                None
            }
        }
    }

    /// Whether any source has this key, be it right or wrong.
    pub(super) fn is_given(&self, entry: &Entry) -> bool {
        self.find(entry).is_some()
    }

    /// Where the value of a key comes from.
    pub(super) fn origin(&self, entry: &Entry) -> Origin {
        self.find(entry).map_or(Origin::Default, |given| given.origin.clone())
    }

    fn read<T: Value>(&mut self, key: &'static Key<T>) -> Option<T> {
        let read = match (self.find(&key.entry), key.entry.fallback) {
            (Some(given), _) => {
                // Only the file has a place; what a person types is relative to where they stand.
                let is_in_file = matches!(given.origin, Origin::File(..));
                let base = if is_in_file { self.file_directory.clone() } else { PathBuf::new() };
                T::read(&given.items, &base)
            }
            (None, Fallback::Text(text)) => {
                T::read(&items(key.entry.shape, text, &Origin::Default), &self.file_directory)
            }
            (None, Fallback::InWords(_) | Fallback::Nothing) => return None,
        };
        read.map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn find(&self, entry: &Entry) -> Option<&Given> {
        self.given.iter().find(|given| given.entry.name == entry.name)
    }
}
