//! Tokens of an older system: made known, listed, ended. They are known by a keyed digest; whoever has lost one imports it again.

use kimbai_core::exchange::ExchangeOrigin;
use kimbai_core::grant::{Grant, ShortDigest};
use kimbai_core::secret::Secret;
use kimbai_core::time::Micros;
use kimbai_store::{Change, Epochs, LegacyTokenRow, LegacyTokenStep, StoreError};
use serde::{Deserialize, Serialize};

use super::clients::find;
use super::names::Names;
use super::organizations::find_organization;
use super::{AdminError, Administration, Command, Order, PlainSecret};
use crate::engine::About;
use crate::legacy_token::{LegacyTokenError, NewLegacyToken};
use crate::realm::Realm;

/// So many are made known by one command at most: they are one change of the store.
pub const LEGACY_TOKENS_MAX: usize = 500;
/// So many are answered at most.
const LIMIT_MAX: u32 = 10_000;
/// So many are read at once to be ended.
const ENDED_AT_ONCE: u32 = 500;

/// Makes legacy tokens known, all of them or none. Of one that is known already nothing changes, unless it is to be revived: then those
/// live again that a restore, or a client or user that was disabled meanwhile, has ended. One that was ended by itself stays ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyTokenPut {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// At most [`LEGACY_TOKENS_MAX`].
    pub tokens: Vec<GivenLegacyToken>,
    /// The line of the first one, by which mistakes are named.
    pub first_line: u32,
    /// Whether those that are known already are of their client's and user's epochs from now on.
    #[serde(default)]
    pub revive: bool,
}

/// A legacy token as it is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenLegacyToken {
    /// The label of the shop that it opens.
    pub shop: String,
    /// Who holds it.
    pub client_id: String,
    /// For whom it acts.
    pub username: String,
    /// The token itself.
    pub token: PlainSecret,
}

/// How many legacy tokens were made known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyTokensPut {
    /// So many; some of them may have been known before.
    pub known: u32,
    /// So many of them may be exchanged: the others have ended, or their users may not give what every exchange asks for.
    pub exchangeable: u32,
}

/// The legacy tokens of a shop, by digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyTokenList {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// The shop's label.
    pub shop: String,
    /// Only those after this one, to go on with a list.
    pub after: Option<String>,
    /// So many at most.
    pub limit: u32,
}

/// Ends a legacy token; what it was exchanged for lives on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyTokenEnd {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// Its digest: 32 hex digits.
    pub token: String,
}

/// Ends the legacy tokens of a shop that work; what they were exchanged for lives on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyTokensEnd {
    /// Absent: the only one.
    pub realm: Option<String>,
    /// The shop's label.
    pub shop: String,
    /// Only those that this client holds.
    pub client_id: Option<String>,
}

/// How many legacy tokens were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyTokensEnded {
    /// So many.
    pub ended: u32,
}

/// A legacy token. Times are in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyTokenView {
    /// Its digest: 32 hex digits.
    pub token: String,
    /// The client that holds it.
    pub client_id: String,
    /// For whom it acts.
    pub username: String,
    /// Since when it is known.
    pub put: String,
    /// When it ends, or since when it has ended; none: not yet known.
    pub ends: Option<String>,
    /// How often it was exchanged.
    pub exchanges: u32,
    /// Whether it works.
    pub works: bool,
}

impl Command for LegacyTokenPut {
    const NAME: &'static str = "legacy_token_put";
    type Reply = LegacyTokensPut;

    async fn run(self, administration: &Administration) -> Result<LegacyTokensPut, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        if self.tokens.len() > LEGACY_TOKENS_MAX {
            return Err(AdminError::Invalid(vec![format!("at most {LEGACY_TOKENS_MAX} legacy tokens at a time")]));
        }
        let engine = &administration.engine;
        let epochs = if self.revive { Epochs::Renewed } else { Epochs::Kept };
        let (mut changes, mut mistakes) = (Vec::new(), Vec::new());
        for (line, given) in (self.first_line..).zip(self.tokens) {
            match engine.legacy_token_change(&realm, (&given.to_new(), epochs)).await {
                Ok(change) => changes.push((line, change)),
                Err(LegacyTokenError::Store(error)) => return Err(error.into()),
                Err(mistake) => mistakes.push(format!("line {line}: {mistake}")),
            }
        }
        if !mistakes.is_empty() {
            return Err(AdminError::Invalid(mistakes));
        }
        let known = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        let all = changes.iter().map(|(_, change)| change.clone()).collect();
        match engine.store.change(all).await {
            Err(StoreError::Taken) => return Err(taken(administration, &realm, &changes).await?),
            done => done?,
        }
        engine.record(&realm, "legacy_tokens_put", About::default());
        let exchangeable = exchangeable(administration, &realm, &changes).await?;
        Ok(LegacyTokensPut { known, exchangeable })
    }
}

impl Command for LegacyTokenList {
    const NAME: &'static str = "legacy_token_list";
    const ORDER: Order = Order::Free;
    type Reply = Vec<LegacyTokenView>;

    async fn run(self, administration: &Administration) -> Result<Vec<LegacyTokenView>, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let shop = find_organization(administration, &realm, &self.shop).await?;
        let after = self.after.as_deref().map(digest).transpose()?;
        let limit = self.limit.clamp(1, LIMIT_MAX);
        let rows = administration.engine.store.legacy_tokens(realm.number, shop.number, after, limit).await?;
        let (mut views, mut names) = (Vec::new(), Names::new(administration, &realm));
        for row in rows {
            views.push(view(&mut names, &realm, row).await?);
        }
        Ok(views)
    }
}

impl Command for LegacyTokenEnd {
    const NAME: &'static str = "legacy_token_end";
    // One step; and it may be an emergency.
    const ORDER: Order = Order::Free;
    type Reply = LegacyTokenView;

    async fn run(self, administration: &Administration) -> Result<LegacyTokenView, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let token = digest(&self.token)?;
        let engine = &administration.engine;
        engine.step_legacy_token(&realm, LegacyTokenStep::End(token)).await?;
        let row = engine.store.legacy_token(realm.number, token).await?;
        let row = row
            .ok_or_else(|| AdminError::NotFound(format!("realm {} has no legacy token of this digest", realm.name)))?;
        let (client, user) = (Some(row.owner.client.0), Some(row.owner.user.0));
        engine.record(&realm, "legacy_token_ended", About { client, user, ..About::default() });
        view(&mut Names::new(administration, &realm), &realm, row).await
    }
}

impl Command for LegacyTokensEnd {
    const NAME: &'static str = "legacy_tokens_end";
    // A step for each, and it may be an emergency.
    const ORDER: Order = Order::Free;
    type Reply = LegacyTokensEnded;

    async fn run(self, administration: &Administration) -> Result<LegacyTokensEnded, AdminError> {
        let realm = administration.realm(self.realm.as_deref())?;
        let shop = find_organization(administration, &realm, &self.shop).await?;
        let client = self.client_id.as_deref().map(|client_id| find(&realm, client_id)).transpose()?;
        let engine = &administration.engine;
        let (mut ended, mut after) = (0, None);
        loop {
            let rows = engine.store.legacy_tokens(realm.number, shop.number, after, ENDED_AT_ONCE).await?;
            let Some(last) = rows.last() else { return Ok(LegacyTokensEnded { ended }) };
            after = Some(last.token);
            let is_asked = |row: &&LegacyTokenRow| {
                row.now < row.ends && client.as_ref().is_none_or(|client| client.number == row.owner.client)
            };
            for row in rows.iter().filter(is_asked) {
                engine.step_legacy_token(&realm, LegacyTokenStep::End(row.token)).await?;
                let (client, user) = (Some(row.owner.client.0), Some(row.owner.user.0));
                engine.record(&realm, "legacy_token_ended", About { client, user, ..About::default() });
                ended += 1;
            }
        }
    }
}

impl GivenLegacyToken {
    fn to_new(&self) -> NewLegacyToken {
        NewLegacyToken {
            organization: self.shop.clone(),
            client_id: self.client_id.clone(),
            username: self.username.clone(),
            token: Secret::new(self.token.expose().to_owned()),
        }
    }
}

/// How many of these may be exchanged.
async fn exchangeable(
    administration: &Administration,
    realm: &Realm,
    changes: &[(u32, Change)],
) -> Result<u32, AdminError> {
    let mut count = 0;
    for (_, change) in changes {
        let Change::PutLegacyToken { token, .. } = change else { continue };
        let Some(row) = administration.engine.store.legacy_token(realm.number, *token).await? else { continue };
        count += u32::from(works(realm, &row) && administration.engine.may_be_exchanged(realm, &row).await?);
    }
    Ok(count)
}

/// Which of these are known as another owner's.
async fn taken(
    administration: &Administration,
    realm: &Realm,
    changes: &[(u32, Change)],
) -> Result<AdminError, AdminError> {
    let mut mistakes = Vec::new();
    for (line, change) in changes {
        let Change::PutLegacyToken { token, owner, .. } = change else { continue };
        let row = administration.engine.store.legacy_token(realm.number, *token).await?;
        if row.is_some_and(|row| row.owner != *owner) {
            mistakes.push(format!("line {line}: the token is known as that of another shop, client or user"));
        }
    }
    if mistakes.is_empty() {
        mistakes.push("one of the tokens is given twice, for two owners".to_owned());
    }
    Ok(AdminError::Invalid(mistakes))
}

async fn view(names: &mut Names<'_>, realm: &Realm, row: LegacyTokenRow) -> Result<LegacyTokenView, AdminError> {
    let (ends, works) = (end_of(realm, &row), works(realm, &row));
    let client = realm.client_by_number(row.owner.client);
    Ok(LegacyTokenView {
        token: hex(row.token),
        client_id: client.map_or_else(|| format!("#{}", row.owner.client.0), |client| client.client_id.clone()),
        username: names.user(row.owner.user).await?,
        put: row.put.to_rfc3339(),
        ends: (ends != Micros::NEVER).then(|| ends.to_rfc3339()),
        exchanges: row.exchange.saturating_sub(u32::from(!row.opened)),
        works,
    })
}

fn end_of(realm: &Realm, row: &LegacyTokenRow) -> Micros {
    realm.settings.exchange.as_ref().map_or(row.ends, |exchange| exchange.end_of(row.ends))
}

fn works(realm: &Realm, row: &LegacyTokenRow) -> bool {
    let stands = row.standing.client.supports(row.client_epoch) && row.standing.user.supports(row.user_epoch);
    stands && row.now < end_of(realm, row)
}

/// The legacy token that a grant was exchanged for, by digest, if it works still.
pub(super) async fn origin_that_works(
    administration: &Administration,
    realm: &Realm,
    grant: &Grant,
) -> Result<Option<String>, AdminError> {
    let Some(origin) = ExchangeOrigin::of(&grant.binding) else { return Ok(None) };
    let row = administration.engine.store.legacy_token(realm.number, origin.token).await?;
    Ok(row.filter(|row| works(realm, row)).map(|row| hex(row.token)))
}

fn hex(token: ShortDigest) -> String {
    format!("{:032x}", u128::from_be_bytes(token.0))
}

/// What is none is not repeated: it may be the token itself.
fn digest(text: &str) -> Result<ShortDigest, AdminError> {
    let is_digest = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_digest.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    let digest = number.map(|number| ShortDigest(number.to_be_bytes()));
    let length = text.len();
    digest.ok_or_else(|| {
        AdminError::Invalid(vec![format!(
            "the digest of a legacy token has 32 hex digits; this has {length} characters"
        )])
    })
}
