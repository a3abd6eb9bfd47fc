//! `apply`: makes it so. What is half right is not begun. Realms and clients of a manifest are one change of the store; users follow in
//! slices, and then who is enabled and disabled: an apply that is cut short is finished by the same apply.

use kimbai_core::client::{ClientMetadata, ClientSecret, EnvelopeKey};
use kimbai_core::time::Micros;
use kimbai_keyring::RealmKeyring;
use kimbai_store::Change;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::manifest::{Manifest, PlainSecret};
use super::passwords::{NewPassword, Passwords, hash_of};
use super::plan::{IntendedClient, IntendedKey, IntendedRealm, IntendedSecret, IntendedUser, Prune, Step, intend};
use super::{AdminError, Administration, Command, Order, clients, partners};
use crate::end_session::EndedSessions;
use crate::engine::About;
use crate::realm::{Realm, RealmFace};
use crate::setup::{NewClient, NewUser, client_change, user_change};

/// So many users are stored in one change: the writer's other work waits no longer than a few milliseconds.
const USERS_A_CHANGE: usize = 100;

/// Says what a manifest would change, and changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is asked for.
    pub manifest: Manifest,
    /// What happens to the rest.
    pub prune: Prune,
}

/// Makes what a manifest asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// What is asked for.
    pub manifest: Manifest,
    /// What happens to the rest.
    pub prune: Prune,
    /// What somebody has agreed to, as [`Plan`] answered it: if it is no longer the same, nothing is done. Absent: whatever it is.
    #[serde(default)]
    pub agreed: Option<Vec<Step>>,
}

/// What was done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Applied {
    /// Each difference that was there.
    pub steps: Vec<Step>,
    /// The secrets that were made; they are shown once.
    pub made_secrets: Vec<MadeSecret>,
    /// The keys of partners' envelopes that were made; they are shown once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_keys: Vec<MadeKey>,
}

/// A client secret that was made because none was given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MadeSecret {
    /// The client's realm.
    pub realm: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: PlainSecret,
}

/// A key of a partner's envelopes that was made because none was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeKey {
    /// The partner's realm.
    pub realm: String,
    /// The client that the partner is.
    pub client_id: String,
    /// The partner.
    pub partner_code: String,
    /// Its key, as the partner spells it.
    pub key: PlainSecret,
}

impl Command for Plan {
    const NAME: &'static str = "plan";
    const ORDER: Order = Order::Free;
    type Reply = Vec<Step>;

    async fn run(self, administration: &Administration) -> Result<Vec<Step>, AdminError> {
        let passwords = Passwords::default();
        Ok(Box::pin(intend(administration, &self.manifest, self.prune, &passwords)).await?.steps)
    }
}

impl Command for Apply {
    const NAME: &'static str = "apply";
    // It takes its turn once its passwords are hashed: for as long nobody waits for it.
    const ORDER: Order = Order::Free;
    type Reply = Applied;

    async fn run(self, administration: &Administration) -> Result<Applied, AdminError> {
        let passwords = Box::pin(Passwords::of(administration, &self.manifest)).await?;
        let _turn = administration.turn.lock().await;
        self.in_turn(administration, &passwords).await
    }
}

impl Apply {
    /// Carries it out for who has the turn.
    pub(super) async fn in_turn(
        self,
        administration: &Administration,
        passwords: &Passwords,
    ) -> Result<Applied, AdminError> {
        let intended = Box::pin(intend(administration, &self.manifest, self.prune, passwords)).await?;
        if self.agreed.is_some_and(|agreed| agreed != intended.steps) {
            let text = "what stands has changed since the plan: look at it again";
            return Err(AdminError::Invalid(vec![text.to_owned()]));
        }
        let mut drafted = Drafted::default();
        for realm in &intended.realms {
            Box::pin(draft(administration, realm, &mut drafted)).await?;
        }
        let Drafted { changes, users, made_secrets, made_keys } = drafted;
        match Box::pin(carry_out(administration, &intended.realms, changes, &users)).await {
            Ok(()) => Ok(Applied { steps: intended.steps, made_secrets, made_keys }),
            Err(error) => {
                reload(administration, &intended.realms).await;
                Err(with_lost_keys(with_lost(error, &made_secrets), &made_keys))
            }
        }
    }
}

async fn carry_out(
    administration: &Administration,
    realms: &[IntendedRealm],
    changes: Vec<Change>,
    users: &[Vec<Change>],
) -> Result<(), AdminError> {
    let engine = &administration.engine;
    if !changes.is_empty() {
        engine.store.change(changes).await?;
    }
    for slice in users.chunks(USERS_A_CHANGE) {
        engine.store.change(slice.concat()).await?;
    }
    for intended in realms {
        let realm = engine.reload_realm(&intended.name).await?;
        Box::pin(settle_activity(administration, &realm, intended)).await?;
        record(administration, &realm, intended).await?;
    }
    Ok(())
}

/// Reads anew what an apply that stopped half-way may have changed, so that what is served is what is stored.
async fn reload(administration: &Administration, realms: &[IntendedRealm]) {
    for realm in realms {
        if let Err(error) = Box::pin(administration.engine.reload_realm(&realm.name)).await {
            tracing::warn!(%error, realm = realm.name, "an apply stopped half-way, and its realm could not be read anew");
        }
    }
}

/// Who is told that an apply stopped half-way is told, too, of which clients the secret is known to nobody.
fn with_lost(error: AdminError, made_secrets: &[MadeSecret]) -> AdminError {
    let AdminError::Unavailable(text) = error else { return error };
    if made_secrets.is_empty() {
        return AdminError::Unavailable(text);
    }
    let clients = made_secrets.iter().map(|made| made.client_id.as_str()).collect::<Vec<_>>().join(", ");
    AdminError::Unavailable(format!(
        "{text}; if `kimbai client list` shows {clients} now, nobody knows the secret that was made: `kimbai client rotate-secret` \
         makes another"
    ))
}

/// The same of partners and the keys of their envelopes.
fn with_lost_keys(error: AdminError, made_keys: &[MadeKey]) -> AdminError {
    let AdminError::Unavailable(text) = error else { return error };
    if made_keys.is_empty() {
        return AdminError::Unavailable(text);
    }
    let partners = made_keys.iter().map(|made| made.partner_code.as_str()).collect::<Vec<_>>().join(", ");
    AdminError::Unavailable(format!(
        "{text}; if `kimbai partner list` shows {partners} now, nobody knows the key that was made: `kimbai partner rotate-key` makes \
         another"
    ))
}

/// What a manifest changes.
#[derive(Default)]
struct Drafted {
    /// Realms, clients and organizations.
    changes: Vec<Change>,
    /// Of each user.
    users: Vec<Vec<Change>>,
    made_secrets: Vec<MadeSecret>,
    made_keys: Vec<MadeKey>,
}

async fn draft(
    administration: &Administration,
    intended: &IntendedRealm,
    drafted: &mut Drafted,
) -> Result<(), AdminError> {
    let realm = administration.engine.draft_realm(&intended.name, intended.settings.clone()).await?;
    if intended.is_put {
        drafted.changes.extend(realm.changes.iter().cloned());
    }
    for client in intended.clients.iter().filter(|client| client.is_put) {
        let mut metadata = client.metadata.clone();
        let key = draft_key((&realm.keyring, administration.engine.now()), client, &mut metadata);
        let (change, secret) = client_draft(&realm.face(), client, metadata)?;
        drafted.changes.push(change);
        let end_all = |client| Change::AdvanceClientEpoch { realm: realm.number, client };
        drafted.changes.extend(client.ended_partner.map(end_all));
        let (realm, client_id) = (&intended.name, &client.client_id);
        drafted.made_secrets.extend(secret.map(|client_secret| MadeSecret {
            realm: realm.clone(),
            client_id: client_id.clone(),
            client_secret,
        }));
        drafted.made_keys.extend(key.map(|(partner_code, key)| MadeKey {
            realm: realm.clone(),
            client_id: client_id.clone(),
            partner_code,
            key,
        }));
    }
    for client in &intended.removed {
        drafted.changes.push(Change::RemoveClient { realm: realm.number, client: client.number });
    }
    for organization in &intended.organizations {
        drafted.changes.push(Change::PutOrganization {
            realm: realm.number,
            label: organization.label.clone(),
            org_id: organization.org_id.clone(),
            name: organization.name.clone(),
            category: organization.category.clone(),
        });
    }
    for user in intended.users.iter().filter(|user| user.is_put || !user.memberships.is_empty()) {
        drafted.users.push(user_draft(&realm.face(), user).await?);
    }
    Ok(())
}

fn client_draft(
    realm: &RealmFace<'_>,
    client: &IntendedClient,
    mut metadata: ClientMetadata,
) -> Result<(Change, Option<PlainSecret>), AdminError> {
    let (client_secret, made) = match &client.secret {
        IntendedSecret::Kept => (None, None),
        IntendedSecret::Given(secret) => (Some(secret.clone()), None),
        IntendedSecret::Digest(digest) => {
            metadata.secrets = vec![ClientSecret::lasting(*digest)];
            (None, None)
        }
        IntendedSecret::Made => {
            let made = PlainSecret::new(clients::new_secret());
            (Some(made.0.clone()), Some(made))
        }
    };
    let client = NewClient { client_id: client.client_id.clone(), client_secret, metadata };
    Ok((client_change(realm, client)?, made))
}

/// Puts a partner's key into its metadata; its code and key, if the key was made.
fn draft_key(
    (keyring, now): (&RealmKeyring, Micros),
    client: &IntendedClient,
    metadata: &mut ClientMetadata,
) -> Option<(String, PlainSecret)> {
    let partner = metadata.partner.as_mut()?;
    match &client.key {
        IntendedKey::Kept => None,
        IntendedKey::Given { key, overlap_s, previous } => {
            let end_s = now.as_unix_s().saturating_add(*overlap_s);
            partner.keys = partners::rotated(keyring, &partner.keys, key, end_s);
            partner.keys.extend(previous.as_ref().map(|(key, ends_s)| EnvelopeKey {
                ends_s: Some(*ends_s),
                ..EnvelopeKey::lasting(keyring.seal_secret(key.expose()))
            }));
            None
        }
        IntendedKey::Made => {
            let (key, text) = partners::new_key(partner.key_spelling);
            partner.keys = vec![EnvelopeKey::lasting(keyring.seal_secret(key.expose()))];
            Some((partner.partner_code.clone(), text))
        }
    }
}

async fn user_draft(realm: &RealmFace<'_>, user: &IntendedUser) -> Result<Vec<Change>, AdminError> {
    let mut changes = Vec::new();
    if user.is_put {
        changes = put_draft(realm, user).await?;
    }
    for membership in &user.memberships {
        let (realm, username, label) = (realm.number, user.username.clone(), membership.label.clone());
        changes.push(match &membership.roles {
            Some(roles) => Change::PutMembership { realm, username, label, roles: json!(roles).to_string() },
            None => Change::RemoveMembership { realm, username, label },
        });
    }
    Ok(changes)
}

async fn put_draft(realm: &RealmFace<'_>, user: &IntendedUser) -> Result<Vec<Change>, AdminError> {
    let known = user.known.as_ref();
    let password_hash = hash_of(&user.password, realm.keyring, known).await?;
    let new = NewUser { username: user.username.clone(), password_hash, claims: user.claims.clone() };
    let mut changes = vec![user_change(realm, &new, known)?];
    if let Some(known) = known.filter(|_| user.password != NewPassword::Kept) {
        changes.push(Change::EndSessions { realm: realm.number, user: known.number });
    }
    Ok(changes)
}

/// What follows from the change of the store: enables and disables, by number, which a new party has only now; and ends the grants
/// that live no longer than a session that ended.
async fn settle_activity(
    administration: &Administration,
    realm: &Realm,
    intended: &IntendedRealm,
) -> Result<(), AdminError> {
    let engine = &administration.engine;
    for client in &intended.clients {
        if let Some(activity) = client.activity {
            engine.set_client_activity(realm, &client.client_id, activity).await?;
        }
    }
    for user in &intended.users {
        if let Some(activity) = user.activity {
            engine.set_user_activity(realm, &user.username, activity).await?;
        }
        // The sessions ended with the change of the password.
        if let Some(known) = user.known.as_ref().filter(|_| user.password != NewPassword::Kept) {
            engine.end_grants_of_sessions(realm, known.number, EndedSessions::All).await?;
        }
    }
    Ok(())
}

async fn record(administration: &Administration, realm: &Realm, intended: &IntendedRealm) -> Result<(), AdminError> {
    let engine = &administration.engine;
    for number in intended.clients.iter().filter_map(|client| client.ended_partner) {
        engine.record(realm, "partner_ended", About { client: Some(number.0), ..About::default() });
    }
    for client in &intended.removed {
        engine.record(realm, "client_removed", About { client: Some(client.number.0), ..About::default() });
    }
    for user in intended.users.iter().filter(|user| user.password != NewPassword::Kept) {
        if let Some(known) = &user.known {
            engine.record(realm, "password_changed", About { user: Some(known.number.0), ..About::default() });
        }
    }
    for user in intended.users.iter().filter(|user| !user.memberships.is_empty()) {
        // A new user has a number only now.
        let number = match &user.known {
            Some(known) => Some(known.number),
            None => engine.user_row(realm, &user.username).await?.map(|row| row.number),
        };
        let about = About { user: number.map(|number| number.0), ..About::default() };
        engine.record(realm, "memberships_changed", about);
    }
    engine.record(realm, "applied", About::default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lost_a_made_secret_is_told_so_and_not_what_it_was() {
        let unavailable = || AdminError::Unavailable("away".to_owned());
        let client_secret = PlainSecret::new("a secret that nobody saw".to_owned());
        let made = MadeSecret { realm: "main".to_owned(), client_id: "web".to_owned(), client_secret };
        let told = with_lost(unavailable(), std::slice::from_ref(&made)).to_string();
        assert!(told.contains("away") && told.contains("web") && told.contains("rotate-secret"), "{told}");
        assert!(!told.contains("a secret that nobody saw"));
        assert_eq!(with_lost(unavailable(), &[]), unavailable());
        let failed = AdminError::Failed("broken".to_owned());
        assert_eq!(with_lost(failed.clone(), &[made]), failed);
        let [realm, client_id, partner_code] = ["main", "shop", "SHOP"].map(str::to_owned);
        let key = PlainSecret::new("a key that nobody saw".to_owned());
        let made = MadeKey { realm, client_id, partner_code, key };
        let told = with_lost_keys(unavailable(), std::slice::from_ref(&made)).to_string();
        assert!(told.contains("SHOP") && told.contains("rotate-key") && !told.contains("a key"), "{told}");
        assert_eq!(
            (with_lost_keys(unavailable(), &[]), with_lost_keys(failed.clone(), &[made])),
            (unavailable(), failed)
        );
    }
}
