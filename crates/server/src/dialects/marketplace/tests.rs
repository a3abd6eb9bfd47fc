//! The wire as files: what differs from the standard dialect is seen by comparing the two folders.

use crate::dialects::standard::tests::{errors, realm, redirects, tokens};

use super::demo;

#[tokio::test]
async fn the_wire_of_marketplace() {
    let realm = realm("marketplace", &demo::registration("http://localhost:4602").settings).await;
    crate::dialects::standard::tests::write_vectors("marketplace", &realm).await;
}
