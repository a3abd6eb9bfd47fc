//! Changes of the registry: one transaction, all of whose statements are sent before the first is answered.
//!
//! So the lock that it holds is never held over a way to us, and a caller that goes leaves no half of it behind.

use std::collections::BTreeSet;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::task::Poll;

use kimbai_core::number::RealmNumber;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

use super::fault::Fault;
use super::locks::Lock;
use super::parties::{self, CLIENT, USER};
use super::pool::{Connection, Pool, Repetition};
use super::{legacy_tokens, organizations, realm_rows, sessions};
use crate::{Activity, Change, Epochs, LegacyTokenOwner, StoreError};

/// Carries out these changes in their order, or none of them.
pub(super) async fn carry_out(pool: &Pool, changes: &[Change]) -> Result<(), StoreError> {
    let steps = steps(changes);
    let mut turn = pool.turn();
    loop {
        let connection = pool.connection(&mut turn).await?;
        let prepared = turn.within(prepare(&connection, &steps)).await;
        let Some((connection, statements)) = turn.judge(connection, prepared, Repetition::Harmless)? else { continue };
        let warnings = connection.warnings();
        let done = turn.within(transaction(&connection, &statements, &steps)).await;
        let Some((connection, ())) = turn.judge(connection, done, Repetition::Never)? else { continue };
        // A wait for the standby that was cancelled ends in success and a warning.
        return if connection.warnings() == warnings { Ok(()) } else { Err(StoreError::Unknown) };
    }
}

/// A statement and what it is given.
struct Step {
    sql: &'static str,
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

macro_rules! step {
    ($sql:expr $(, $parameter:expr)*) => {
        Step { sql: $sql, parameters: vec![$(Box::new($parameter)),*] }
    };
}

fn steps(changes: &[Change]) -> Vec<Step> {
    let [class, lock] = Lock::Registry.key();
    let mut steps = vec![step!("SELECT pg_advisory_xact_lock($1, $2)", class, lock)];
    steps.extend(changes.iter().map(step));
    let touched: BTreeSet<i32> = changes.iter().filter_map(touched).map(|realm| realm.0.cast_signed()).collect();
    if !touched.is_empty() {
        let touched: Vec<i32> = touched.into_iter().collect();
        steps.push(step!("UPDATE kimbai.realms SET version = version + 1 WHERE number = ANY ($1)", touched));
        steps.push(step!("SELECT pg_notify('kimbai_registry', '')"));
    }
    steps
}

fn step(change: &Change) -> Step {
    match change {
        Change::PutRealm { number, name, settings } => {
            step!(realm_rows::PUT_REALM, number.0.cast_signed(), name.clone(), settings.clone())
        }
        Change::AddKey { realm, usage, sealed } => {
            step!(realm_rows::ADD_KEY, realm.0.cast_signed(), usage.clone(), sealed.clone())
        }
        Change::ReplaceKey { realm, usage, number, standing, sealed } => {
            let (realm, number) = (realm.0.cast_signed(), i16::from(*number));
            step!(realm_rows::REPLACE_KEY, realm, usage.clone(), number, standing.clone(), sealed.clone())
        }
        Change::PutClient { realm, client_id, metadata } => {
            step!(parties::PUT_CLIENT, realm.0.cast_signed(), client_id.clone(), metadata.clone())
        }
        Change::SetClientActivity { realm, client, activity } => set_standing(*realm, (CLIENT, client.0), *activity),
        Change::AdvanceClientEpoch { realm, client } => {
            step!(parties::ADVANCE_CLIENT_EPOCH, realm.0.cast_signed(), client.0.cast_signed())
        }
        Change::RemoveClient { realm, client } => {
            step!(parties::REMOVE_CLIENT, realm.0.cast_signed(), client.0.cast_signed())
        }
        Change::PutUser { realm, username, password_hash, claims } => {
            let (username, password_hash, claims) = (username.clone(), password_hash.clone(), claims.clone());
            step!(parties::PUT_USER, realm.0.cast_signed(), username, password_hash, claims)
        }
        Change::PutOrganization { realm, label, org_id, name, category } => {
            let (org_id, name, category) = (org_id.clone(), name.clone(), category.clone());
            step!(organizations::PUT, realm.0.cast_signed(), label.clone(), org_id, name, category)
        }
        Change::PutMembership { realm, username, label, roles } => {
            let (username, label, roles) = (username.clone(), label.clone(), roles.clone());
            step!(organizations::PUT_MEMBERSHIP, realm.0.cast_signed(), username, label, roles)
        }
        Change::RemoveMembership { realm, username, label } => {
            step!(organizations::REMOVE_MEMBERSHIP, realm.0.cast_signed(), username.clone(), label.clone())
        }
        Change::PutLegacyToken { realm, token, owner: LegacyTokenOwner { organization, client, user }, epochs } => {
            let owner = [organization.0, client.0, user.0].map(u32::cast_signed);
            let renewed = *epochs == Epochs::Renewed;
            step!(legacy_tokens::PUT, realm.0.cast_signed(), token.0.to_vec(), owner[0], owner[1], owner[2], renewed)
        }
        Change::SetUserActivity { realm, user, activity } => set_standing(*realm, (USER, user.0), *activity),
        Change::EndSessions { realm, user } => {
            step!(sessions::END_ALL, realm.0.cast_signed(), user.0.cast_signed())
        }
        Change::ExpectMeta { key, value } => step!(realm_rows::EXPECT_META, key.clone(), value.clone()),
        Change::SetMeta { key, value } => step!(realm_rows::SET_META, key.clone(), value.clone()),
    }
}

fn set_standing(realm: RealmNumber, (party, number): (i16, u32), activity: Activity) -> Step {
    let is_active = activity == Activity::Enabled;
    step!(parties::SET_STANDING, realm.0.cast_signed(), party, number.cast_signed(), is_active)
}

/// The realm that other servers must read anew after a change. Users, organizations and sessions are kept by no server.
const fn touched(change: &Change) -> Option<RealmNumber> {
    match change {
        Change::PutRealm { number, .. } => Some(*number),
        Change::AddKey { realm, .. }
        | Change::ReplaceKey { realm, .. }
        | Change::PutClient { realm, .. }
        | Change::SetClientActivity { realm, .. }
        | Change::AdvanceClientEpoch { realm, .. }
        | Change::RemoveClient { realm, .. } => Some(*realm),
        Change::PutUser { .. }
        | Change::PutOrganization { .. }
        | Change::PutMembership { .. }
        | Change::RemoveMembership { .. }
        | Change::PutLegacyToken { .. }
        | Change::SetUserActivity { .. }
        | Change::EndSessions { .. }
        | Change::ExpectMeta { .. }
        | Change::SetMeta { .. } => None,
    }
}

async fn prepare(connection: &Connection<'_>, steps: &[Step]) -> Result<Vec<Statement>, Fault> {
    let mut statements = Vec::with_capacity(steps.len());
    for step in steps {
        statements.push(connection.prepare(step.sql).await?);
    }
    Ok(statements)
}

/// All of it is on its way when this waits for the first time; its dropping changes nothing any more.
async fn transaction(connection: &Connection<'_>, statements: &[Statement], steps: &[Step]) -> Result<(), Fault> {
    let client = connection.client()?;
    let parameters: Vec<Vec<&(dyn ToSql + Sync)>> = steps.iter().map(Step::parameters).collect();
    let mut sent: Vec<Sent<'_>> = vec![Box::pin(client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED"))];
    for (statement, parameters) in statements.iter().zip(&parameters) {
        sent.push(Box::pin(async move { client.execute(statement, parameters).await.map(drop) }));
    }
    sent.push(Box::pin(client.batch_execute("COMMIT")));
    in_order(sent).await.map_err(|error| Fault::of(&error))
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Sends all of these, and waits for the answers; the first that failed is the error. A statement that cannot even be
/// sent is the last: without a COMMIT behind it the connection must be closed. One that was answered before we looked is
/// none of those.
async fn in_order(sent: Vec<Sent<'_>>) -> Result<(), Error> {
    let mut waiting: Vec<Sent<'_>> = Vec::with_capacity(sent.len());
    for mut answer in sent {
        // The first poll of a statement sends it.
        match poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
            Poll::Ready(Err(error)) if error.as_db_error().is_none() => return Err(error),
            Poll::Ready(answered) => waiting.push(Box::pin(ready(answered))),
            Poll::Pending => waiting.push(answer),
        }
    }
    let mut first = Ok(());
    for answer in waiting {
        // Each is waited for, so that the connection is free afterwards; after the first error the others only say that the
        // transaction has failed.
        let answered = answer.await;
        first = first.and(answered);
    }
    first
}

impl Step {
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect()
    }
}

#[cfg(test)]
mod tests {
    use kimbai_postgres_fixture::{Server, Version};

    use super::super::connect::{Connector, Role};
    use super::*;

    /// Each is answered before the next one is sent, as it happens to a thread that has to wait for its turn.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_statements_that_are_answered_at_once_the_first_that_failed_is_the_error_and_all_are_sent() {
        let server = Server::shared(*Version::under_test().last().unwrap());
        let database = server.fresh_database();
        let connector = Connector::new(&database.url().parse().unwrap()).unwrap();
        let connected = connector.connect(Role::General).await.unwrap();
        let client = &connected.client;
        let sent = ["BEGIN", "SELECT 1 / 0", "SELECT 1", "COMMIT"].map(|sql| -> Sent<'_> {
            let mut answer = Box::pin(client.batch_execute(sql));
            Box::pin(poll_fn(move |context| {
                loop {
                    let polled = answer.as_mut().poll(context);
                    if polled.is_ready() {
                        return polled;
                    }
                    std::thread::yield_now();
                }
            }))
        });
        let error = in_order(sent.into()).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "22012", "the division, not what it did to the transaction: {error}");
        client.batch_execute("SELECT 1").await.unwrap();
    }
}
