//! Legacy tokens: whose they are, how long they live, and how far their exchanges have come.

use std::sync::Arc;

use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{Opening, PartyStanding, ShortDigest, Start, Verdict};
use kimbai_core::number::{ClientNumber, GrantId, OrganizationNumber, RealmNumber, UserNumber};
use kimbai_core::time::Micros;
use tokio::task::JoinSet;

use super::Subject;
use super::scene::{Scene, done, put_user};
use crate::{Activity, Change, Epochs, LegacyTokenOwner, LegacyTokenRow, LegacyTokenStep, StoreError};

const TOKEN: ShortDigest = ShortDigest([7; 16]);
const SHOP: OrganizationNumber = OrganizationNumber(u32::MAX);

impl Scene {
    fn owner(&self) -> LegacyTokenOwner {
        LegacyTokenOwner { organization: SHOP, client: self.client, user: self.user }
    }

    async fn put(&self, token: ShortDigest, owner: LegacyTokenOwner) -> Result<(), StoreError> {
        self.put_again(token, owner, Epochs::Kept).await
    }

    async fn put_again(&self, token: ShortDigest, owner: LegacyTokenOwner, epochs: Epochs) -> Result<(), StoreError> {
        self.store.change(vec![Change::PutLegacyToken { realm: self.realm, token, owner, epochs }]).await
    }

    async fn legacy(&self) -> LegacyTokenRow {
        self.store.legacy_token(self.realm, TOKEN).await.unwrap().unwrap()
    }

    fn exchanging(&self, origin: ExchangeOrigin) -> Opening {
        Opening { start: Start::Exchanged(self.redemption().terms, origin), ..self.opening() }
    }

    async fn open_exchange(&self, origin: ExchangeOrigin) -> GrantId {
        let outcome = self.store.open(self.realm, self.exchanging(origin), self.attempt()).await.unwrap();
        done(outcome).grant.id
    }

    async fn step(&self, step: LegacyTokenStep) {
        self.store.step_legacy_token(self.realm, step).await.unwrap();
    }
}

const fn origin(number: u32) -> ExchangeOrigin {
    ExchangeOrigin { token: TOKEN, number }
}

pub(super) async fn a_legacy_token_is_known_by_its_digest(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    assert_eq!(store.legacy_token(realm, TOKEN).await.unwrap(), None);
    scene.put(TOKEN, scene.owner()).await.unwrap();
    let row = scene.legacy().await;
    assert_eq!((row.token, row.owner), (TOKEN, scene.owner()));
    assert_eq!((row.client_epoch, row.user_epoch, row.ends), (0, 0, Micros::NEVER));
    assert_eq!((row.exchange, row.opened), (1, false));
    assert_eq!((row.standing.client, row.standing.user), (PartyStanding::NEW, PartyStanding::NEW));
    assert!(row.put <= row.now && row.now.since(row.put).as_secs() < 60);
    assert_eq!(store.legacy_token(realm, ShortDigest([8; 16])).await.unwrap(), None);
    assert_eq!(store.legacy_token(RealmNumber(realm.0 + 1), TOKEN).await.unwrap(), None);
}

pub(super) async fn a_legacy_token_keeps_its_owner(subject: Subject) {
    let scene = Scene::new(subject).await;
    scene.put(TOKEN, scene.owner()).await.unwrap();
    let other = put_user(&*scene.store, scene.realm, "other").await;
    for owner in [
        LegacyTokenOwner { organization: OrganizationNumber(1), ..scene.owner() },
        LegacyTokenOwner { user: other, ..scene.owner() },
    ] {
        assert_eq!(scene.put(TOKEN, owner).await, Err(StoreError::Taken));
    }
    assert_eq!(scene.legacy().await.owner, scene.owner());
    for owner in [
        LegacyTokenOwner { client: ClientNumber(u32::MAX), ..scene.owner() },
        LegacyTokenOwner { user: UserNumber(u32::MAX), ..scene.owner() },
    ] {
        let put = scene.put(ShortDigest([9; 16]), owner).await;
        assert!(matches!(put, Err(StoreError::Unreadable(_))), "{put:?}");
    }
}

pub(super) async fn a_legacy_token_that_ended_stays_ended(subject: Subject) {
    let scene = Scene::new(subject).await;
    scene.put(TOKEN, scene.owner()).await.unwrap();
    scene.step(LegacyTokenStep::End(TOKEN)).await;
    let ended = scene.legacy().await;
    assert!(ended.ends <= ended.now);
    scene.clock.advance_s(10);
    scene.step(LegacyTokenStep::End(TOKEN)).await;
    for epochs in [Epochs::Kept, Epochs::Renewed] {
        scene.put_again(TOKEN, scene.owner(), epochs).await.unwrap();
        assert_eq!(scene.legacy().await.ends, ended.ends, "at the moment at which it first did");
    }
    scene.step(LegacyTokenStep::End(ShortDigest([8; 16]))).await;
}

pub(super) async fn a_legacy_token_put_again_is_of_its_parties_epochs_where_they_are_renewed(subject: Subject) {
    let scene = Scene::new(subject).await;
    scene.put(TOKEN, scene.owner()).await.unwrap();
    scene.open_exchange(origin(1)).await;
    scene.set_user(Activity::Disabled).await;
    scene.set_user(Activity::Enabled).await;
    let dead = scene.legacy().await;
    assert!(!dead.standing.user.supports(dead.user_epoch) && dead.standing.client.supports(dead.client_epoch));
    scene.put(TOKEN, scene.owner()).await.unwrap();
    let same = scene.legacy().await;
    assert_eq!(LegacyTokenRow { now: dead.now, ..same }, dead, "a repetition changes nothing");
    let other = LegacyTokenOwner { organization: OrganizationNumber(1), ..scene.owner() };
    assert_eq!(scene.put_again(TOKEN, other, Epochs::Renewed).await, Err(StoreError::Taken));
    scene.put_again(TOKEN, scene.owner(), Epochs::Renewed).await.unwrap();
    let alive = scene.legacy().await;
    assert!(alive.standing.user.supports(alive.user_epoch));
    assert_eq!((alive.put, alive.exchange, alive.opened), (dead.put, 1, true));
    let gone = Change::RemoveClient { realm: scene.realm, client: scene.client };
    scene.store.change(vec![gone]).await.unwrap();
    assert_eq!(scene.store.legacy_token(scene.realm, TOKEN).await.unwrap(), None);
}

pub(super) async fn a_step_is_taken_from_where_the_token_stands(subject: Subject) {
    let scene = Scene::new(subject).await;
    scene.put(TOKEN, scene.owner()).await.unwrap();
    let stands = async || {
        let row = scene.legacy().await;
        (row.exchange, row.opened, row.ends == Micros::NEVER)
    };
    scene.open_exchange(origin(1)).await;
    for (step, expected) in [
        (LegacyTokenStep::Next(origin(2)), (1, true, true)),
        (LegacyTokenStep::NextAndEnd(origin(2)), (1, true, true)),
        (LegacyTokenStep::Next(origin(1)), (2, false, true)),
        (LegacyTokenStep::Next(origin(1)), (2, false, true)),
        (LegacyTokenStep::NextAndEnd(origin(1)), (2, false, true)),
        (LegacyTokenStep::NextAndEnd(origin(2)), (3, false, false)),
    ] {
        scene.step(step).await;
        assert_eq!(stands().await, expected, "{step:?}");
    }
}

pub(super) async fn a_legacy_token_knows_that_the_grant_of_its_exchange_was_opened(subject: Subject) {
    let scene = Scene::new(subject).await;
    let other = ShortDigest([8; 16]);
    scene.put(TOKEN, scene.owner()).await.unwrap();
    scene.put(other, scene.owner()).await.unwrap();
    let stands = async || {
        let row = scene.legacy().await;
        (row.exchange, row.opened)
    };
    scene.open_exchange(origin(2)).await;
    scene.open_exchange(ExchangeOrigin { token: other, number: 1 }).await;
    scene.opened().await;
    assert_eq!(stands().await, (1, false), "of another number, of another token, and of none");
    let taken = scene.open_exchange(origin(2)).await;
    let opening = scene.exchanging(origin(1));
    let refused = scene.store.open(scene.realm, Opening { id: taken, ..opening }, scene.attempt()).await.unwrap();
    assert!(matches!(refused.verdict, Verdict::Refused(Some(_))), "{refused:?}");
    assert_eq!(stands().await, (1, false), "its id was taken: nothing was opened");
    scene.open_exchange(origin(1)).await;
    assert_eq!(stands().await, (1, true));
    scene.step(LegacyTokenStep::Next(origin(1))).await;
    scene.open_exchange(origin(1)).await;
    assert_eq!(stands().await, (2, false), "it has gone on");
}

pub(super) async fn of_64_steps_at_once_one_is_taken(subject: Subject) {
    let scene = Arc::new(Scene::new(subject).await);
    scene.put(TOKEN, scene.owner()).await.unwrap();
    let mut steps = JoinSet::new();
    for _ in 0..64 {
        let scene = Arc::clone(&scene);
        steps.spawn(async move { scene.step(LegacyTokenStep::Next(origin(1))).await });
    }
    steps.join_all().await;
    assert_eq!(scene.legacy().await.exchange, 2);
}

pub(super) async fn legacy_tokens_are_listed_by_organization_and_slices(subject: Subject) {
    let scene = Scene::new(subject).await;
    let (store, realm) = (&scene.store, scene.realm);
    let elsewhere = LegacyTokenOwner { organization: OrganizationNumber(1), ..scene.owner() };
    for mark in [0, 9, 3, 255, 6] {
        scene.put(ShortDigest([mark; 16]), scene.owner()).await.unwrap();
        scene.put(ShortDigest([mark ^ 1; 16]), elsewhere).await.unwrap();
    }
    let mut listed: Vec<ShortDigest> = Vec::new();
    loop {
        let slice = store.legacy_tokens(realm, SHOP, listed.last().copied(), 2).await.unwrap();
        assert!(slice.len() <= 2 && slice.iter().all(|row| row.owner == scene.owner()));
        if slice.is_empty() {
            break;
        }
        listed.extend(slice.into_iter().map(|row| row.token));
    }
    assert_eq!(listed, [0, 3, 6, 9, 255].map(|mark| ShortDigest([mark; 16])));
    assert!(store.legacy_tokens(RealmNumber(realm.0 + 1), SHOP, None, 9).await.unwrap().is_empty());
}
