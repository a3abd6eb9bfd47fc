//! `kimbai serve` and the commands on PostgreSQL: how they begin, what they refuse, and how servers follow each other.

mod another_store;
mod copying;
mod doctor;
mod first_start;
mod following;
mod haravan;
mod operating;
mod refusals;

use std::time::Duration;

use kimbai_postgres_fixture::{Database, Server, Version};

use super::place::{Ended, Place};

/// An empty database of each version.
fn databases() -> impl Iterator<Item = Database<'static>> {
    Version::under_test().iter().map(|version| Server::shared(*version).fresh_database())
}

/// Of the first version: what does not depend on it.
fn database() -> Database<'static> {
    Server::shared(Version::under_test()[0]).fresh_database()
}

/// A directory whose commands go to this database.
fn place_on(url: &str) -> Place {
    let place = Place::new();
    place.write("kimbai.toml", &format!("[store]\nurl = '{url}'\n"));
    place
}

/// What a program that could not do its work says; it ends with this status and says nothing else.
#[track_caller]
fn refusal(ended: &Ended, code: i32) -> &str {
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(code), ""), "{ended:?}");
    let text = ended.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("{ended:?}"));
    assert!(!text.contains("not-a-secret"), "{text}");
    text
}

/// Within five seconds also without a notification; a busy machine may need longer.
const FOLLOWED_MAX: Duration = Duration::from_secs(30);
