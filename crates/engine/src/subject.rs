//! The subjects by which clients know users: one for all, or one for each sector (OpenID Connect Core section 8).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kimbai_core::claims::UserClaims;
use kimbai_core::client::Client;
use kimbai_core::number::UserNumber;

use crate::continuation::SubjectDigest;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::realm::Realm;

impl Realm {
    /// By what a client knows the user with this public subject: in a sector of its own, a digest under a key of the realm that
    /// says nothing of the public one.
    #[must_use]
    pub(crate) fn subject_for(&self, client: &Client, public: &Arc<str>) -> Arc<str> {
        let Some(sector) = client.sector() else { return Arc::clone(public) };
        let value = [sector.as_bytes(), &[0], public.as_bytes()].concat();
        URL_SAFE_NO_PAD.encode(self.keyring.keyed_digest("pairwise subject", &value)).into()
    }

    pub(crate) fn subject_digest(&self, subject: &str) -> SubjectDigest {
        SubjectDigest(self.keyring.keyed_digest("subject", subject.as_bytes()))
    }
}

impl Engine {
    /// The public subject of a user, if there is such a user.
    pub(crate) async fn public_subject(
        &self,
        realm: &Realm,
        user: UserNumber,
    ) -> Result<Option<Arc<str>>, EngineError> {
        if let Some(subject) = self.subjects.get(&(realm.number, user)) {
            return Ok(Some(subject));
        }
        let Some(row) = self.store.user(realm.number, user).await? else { return Ok(None) };
        let subject: Arc<str> = UserClaims::parse(&row.claims)?.sub.into();
        self.subjects.insert((realm.number, user), Arc::clone(&subject));
        Ok(Some(subject))
    }
}
