//! What a manifest would change of a realm's users.

use std::collections::{BTreeMap, HashMap};

use kimbai_core::claims::UserClaims;
use kimbai_keyring::random_u64;
use kimbai_store::{Activity, UserRow};

use super::{IntendedMembership, Kind, Planner, as_json, changed_activity, describe};
use crate::admin::AdminError;
use crate::admin::manifest::{OrganizationManifest, UserManifest, changed_keys};
use crate::admin::passwords::NewPassword;
use crate::admin::users::each_user;
use crate::log_in::{normalised, open_hash};
use crate::realm::Realm;
use crate::setup::check_username;

/// OpenID Connect Core section 2.
const SUB_BYTES_MAX: usize = 255;
/// They go into answers that are made often.
const CLAIMS_BYTES_MAX: usize = 8_192;

#[derive(Debug)]
pub(in crate::admin) struct IntendedUser {
    /// In its one spelling.
    pub(in crate::admin) username: String,
    pub(in crate::admin) claims: UserClaims,
    pub(in crate::admin) password: NewPassword,
    pub(in crate::admin) known: Option<UserRow>,
    pub(in crate::admin) activity: Option<Activity>,
    pub(in crate::admin) is_put: bool,
    /// Those that are new, other, or end.
    pub(in crate::admin) memberships: Vec<IntendedMembership>,
}

impl Planner<'_> {
    pub(super) async fn users(
        &mut self,
        (name, realm): (&str, Option<&Realm>),
        (asked, organizations): (&BTreeMap<String, UserManifest>, &BTreeMap<String, OrganizationManifest>),
    ) -> Result<Vec<IntendedUser>, AdminError> {
        let mut users = Vec::new();
        let mut spellings: HashMap<String, &str> = HashMap::new();
        // Of new users, each `sub` that was given and whose it is to be.
        let mut subjects: HashMap<&str, &str> = HashMap::new();
        for (spelling, asked) in asked {
            let at = at(name, spelling);
            let username = normalised(spelling);
            if let Some(other) = spellings.insert(username.clone(), spelling) {
                self.mistake(&at, &format!("it is another spelling of {other}"));
                continue;
            }
            let user = match Box::pin(self.user((name, realm), username, (asked, organizations))).await? {
                Ok(user) => user,
                Err(mistake) => {
                    self.mistake(&at, &mistake);
                    continue;
                }
            };
            if let (None, Some(sub)) = (&user.known, &asked.sub)
                && let Some(other) = subjects.insert(sub, spelling)
            {
                self.mistake(&at, &format!("sub: {other} is to have it"));
            }
            users.push(user);
        }
        if let Some(realm) = realm.filter(|_| !subjects.is_empty()) {
            self.check_subjects(realm, &subjects).await?;
        }
        Ok(users)
    }

    async fn user(
        &mut self,
        (realm_name, realm): (&str, Option<&Realm>),
        username: String,
        (asked, organizations): (&UserManifest, &BTreeMap<String, OrganizationManifest>),
    ) -> Result<Result<IntendedUser, String>, AdminError> {
        if let Err(error) = check_username(&username) {
            return Ok(Err(error.to_string()));
        }
        let engine = &self.administration.engine;
        let known = match realm {
            Some(realm) => engine.user_row(realm, &username).await?,
            None => None,
        };
        let standing = known.as_ref().map(|row| UserClaims::parse(&row.claims)).transpose()?;
        let claims = match claims(&username, asked, standing.as_ref()) {
            Ok(claims) => claims,
            Err(mistake) => return Ok(Err(mistake)),
        };
        let hash = realm.zip(known.as_ref()).and_then(|(realm, row)| open_hash(&realm.keyring, &row.password_hash));
        let at = (realm_name, username.as_str());
        let password = match self.passwords.new_password(engine, at, asked, hash.as_deref()).await {
            Ok(password) => password,
            Err(mistake) => return Ok(Err(mistake)),
        };
        let mut changes =
            standing.as_ref().map_or_else(Vec::new, |standing| changed_keys(&as_json(standing), &as_json(&claims)));
        if known.is_some() && password != NewPassword::Kept {
            changes.push("password".to_owned());
        }
        let is_put = known.is_none() || !changes.is_empty();
        let member = (realm, known.as_ref().map(|row| row.number));
        let memberships = match self.memberships(member, asked.memberships.as_ref(), organizations).await? {
            Ok((memberships, told)) => {
                changes.extend(told);
                memberships
            }
            Err(mistake) => return Ok(Err(mistake)),
        };
        let activity = changed_activity(asked.disabled, known.as_ref().map(|row| row.standing.active));
        changes.extend(activity.map(describe));
        self.step(known.is_some(), Kind::User, (realm_name, &username), changes);
        Ok(Ok(IntendedUser { username, claims, password, known, activity, is_put, memberships }))
    }

    /// No two users have one subject. The store has no index of them, so that all are read, but only for a file that gives one to a
    /// new user: those that are drawn are nobody's.
    async fn check_subjects(&mut self, realm: &Realm, subjects: &HashMap<&str, &str>) -> Result<(), AdminError> {
        let mut taken = Vec::new();
        each_user(self.administration, realm, |row| {
            let claims = UserClaims::parse(&row.claims)?;
            if let Some(asker) = subjects.get(claims.sub.as_str()) {
                taken.push((at(&realm.name, asker), format!("sub: the user {} has it", row.username)));
            }
            Ok(())
        })
        .await?;
        for (at, mistake) in taken {
            self.mistake(&at, &mistake);
        }
        Ok(())
    }
}

fn at(realm: &str, username: &str) -> String {
    format!("realms.{realm}.users.{username}")
}

/// What is known of a user after this: what a file does not name stays; a new user's subject is drawn.
fn claims(username: &str, asked: &UserManifest, standing: Option<&UserClaims>) -> Result<UserClaims, String> {
    let UserManifest { sub, name, email, claims, identity, .. } = asked.clone();
    if let (Some(sub), Some(standing)) = (&sub, standing)
        && *sub != standing.sub
    {
        return Err(format!("sub: it is {:?} and never reassigned", standing.sub));
    }
    if sub
        .as_ref()
        .is_some_and(|sub| !(1..=SUB_BYTES_MAX).contains(&sub.len()) || !sub.bytes().all(|b| b.is_ascii_graphic()))
    {
        return Err(format!("sub: it has 1 to {SUB_BYTES_MAX} visible ASCII characters"));
    }
    for (key, value) in [("claims", as_json(&claims)), ("identity", as_json(&identity))] {
        if value.to_string().len() > CLAIMS_BYTES_MAX {
            return Err(format!("{key}: it has {CLAIMS_BYTES_MAX} bytes at most"));
        }
    }
    Ok(match standing.cloned() {
        Some(standing) => UserClaims {
            sub: standing.sub,
            name: name.unwrap_or(standing.name),
            email: email.or(standing.email),
            claims: claims.over(standing.claims),
            identity: identity.over(standing.identity),
        },
        None => UserClaims {
            sub: sub.unwrap_or_else(new_subject),
            name: name.unwrap_or_else(|| username.to_owned()),
            email,
            claims,
            identity,
        },
    })
}

/// A subject that nobody else has.
fn new_subject() -> String {
    format!("{:016x}{:016x}", random_u64(), random_u64())
}
