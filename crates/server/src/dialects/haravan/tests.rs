//! The wire as files: what differs from the standard dialect is seen by comparing the two folders.

use crate::dialects::standard::tests::{errors, realm, redirects, tokens};

use super::demo;

#[tokio::test]
async fn the_wire_of_haravan() {
    let realm = realm("haravan", &demo::registration("http://localhost:4604").settings).await;
    assert_eq!(errors(&realm).await, include_str!("vectors/errors.txt"));
    assert_eq!(redirects(&realm), include_str!("vectors/redirects.txt"));
    assert_eq!(tokens(&realm).await, include_str!("vectors/tokens.txt"));
}
