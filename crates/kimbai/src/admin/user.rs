//! `kimbai user`: the people of a realm.

use clap::{Args, Subcommand};
use kimbai_core::claims::StandardClaims;
use kimbai_engine::admin::{
    Enabled, PlainSecret, UserAdd, UserAdded, UserList, UserManifest, UserPasswd, UserSetActivity, UserView,
};

use super::grant::{Of, standing};
use super::output::{self, or_dash};
use super::{InRealm, Slice, secret};

/// Makes, lists and disables users, and gives them new passwords.
#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Makes a user. The password is asked for on a terminal, else read from standard input.
    #[command(after_help = "\
Examples:
  kimbai user add an --name \"Đặng Thị Ngọc Ảnh\" --email an@example.vn
  kimbai user add an --password file:an.password
  kimbai user add an --phone-number +84901234567 --phone-number-verified --locale vi-VN")]
    Add(Add),
    /// Gives a user another password, and ends all browser sessions of the user.
    #[command(after_help = "Examples:\n  kimbai user passwd an\n  kimbai user passwd an --password env:NEW_PASSWORD")]
    Passwd(Passwd),
    /// Disables a user: sessions, grants and tokens end at once.
    #[command(after_help = "Examples:\n  kimbai user disable an")]
    Disable(One),
    /// Enables a user; what ended when it was disabled stays ended.
    #[command(after_help = "Examples:\n  kimbai user enable an")]
    Enable(One),
    /// Lists the users of a realm by name.
    #[command(after_help = "Examples:\n  kimbai user list\n  kimbai user list --limit 1000 --after an --json")]
    List(List),
}

#[derive(Debug, Args)]
struct One {
    /// The name to log in with.
    #[arg(value_name = "NAME")]
    username: String,
    #[command(flatten)]
    realm: InRealm,
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    one: One,
    /// The name that people read.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    #[command(flatten)]
    claims: Claims,
    /// The subject in tokens, which is never reassigned [default: a random one].
    #[arg(long, value_name = "SUBJECT")]
    sub: Option<String>,
    #[command(flatten)]
    password: GivenPassword,
}

/// The standard claims that people are asked for most; the others are given by `kimbai apply`.
#[derive(Debug, Args)]
struct Claims {
    /// The given names.
    #[arg(long, value_name = "TEXT")]
    given_name: Option<String>,
    /// The surnames.
    #[arg(long, value_name = "TEXT")]
    family_name: Option<String>,
    /// The telephone number, best as +84….
    #[arg(long, value_name = "NUMBER")]
    phone_number: Option<String>,
    /// The BCP 47 language tag, such as vi-VN.
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// The mail address was seen to be the person's.
    #[arg(long, requires = "email")]
    email_verified: bool,
    /// The telephone number was seen to be the person's.
    #[arg(long, requires = "phone_number")]
    phone_number_verified: bool,
}

impl Claims {
    fn read(self) -> StandardClaims {
        let Self { given_name, family_name, phone_number, locale, email_verified, phone_number_verified } = self;
        StandardClaims {
            given_name,
            family_name,
            phone_number,
            locale,
            email_verified: email_verified.then_some(true),
            phone_number_verified: phone_number_verified.then_some(true),
            ..StandardClaims::default()
        }
    }
}

#[derive(Debug, Args)]
struct Passwd {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    password: GivenPassword,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    realm: InRealm,
    #[command(flatten)]
    slice: Slice,
}

#[derive(Args)]
struct GivenPassword {
    /// The password: `env:NAME`, `file:PATH`, or - for standard input [default: it is asked for].
    #[arg(long, value_name = "SOURCE")]
    password: Option<String>,
}

impl std::fmt::Debug for GivenPassword {
    // Who gives the password itself is told not to, and it is shown nowhere.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("GivenPassword")
    }
}

impl GivenPassword {
    fn read(&self, username: &str) -> anyhow::Result<PlainSecret> {
        match &self.password {
            Some(text) => secret::of_option("--password", text),
            None => secret::new_password(username),
        }
    }
}

pub(super) async fn run(args: UserArgs) -> anyhow::Result<()> {
    match args.command {
        UserCommand::Add(args) => add(args).await,
        UserCommand::Passwd(Passwd { one, password }) => passwd(one, &password).await,
        UserCommand::Disable(one) => disable(one).await,
        UserCommand::Enable(One { username, realm: InRealm { realm, place } }) => {
            let enable = UserSetActivity { realm, username, enabled: Enabled::Enabled };
            let user = place.reach().await?.run(enable).await?;
            place.say(&user, |user| format!("user {} is enabled\n", output::plain(&user.username)))
        }
        UserCommand::List(args) => list(args).await,
    }
}

async fn add(args: Add) -> anyhow::Result<()> {
    let Add { one: One { username, realm: InRealm { realm, place } }, name, email, claims, sub, password } = args;
    // The way is found first: nobody types a password for a store that is not there.
    let reach = place.reach().await?;
    let password = Some(password.read(&username)?);
    let claims = claims.read();
    let user = UserManifest { name, email, claims, sub, password, ..UserManifest::default() };
    let added = reach.run(UserAdd { realm, username, user }).await?;
    place.say(&added, |UserAdded { user }| {
        output::facts(&[
            ("username", user.username.clone()),
            ("sub", user.sub.clone()),
            ("name", user.name.clone()),
            ("email", or_dash(user.email.as_deref())),
            ("status", status(user).to_owned()),
        ])
    })
}

async fn passwd(one: One, password: &GivenPassword) -> anyhow::Result<()> {
    let One { username, realm: InRealm { realm, place } } = one;
    let reach = place.reach().await?;
    let password = password.read(&username)?;
    reach.run(UserPasswd { realm, username: username.clone(), password }).await?;
    place.say(&(), |()| {
        format!("user {username} has a new password; all browser sessions of the user ended, grants go on\n")
    })
}

async fn disable(One { username, realm: InRealm { realm, place } }: One) -> anyhow::Result<()> {
    let reach = place.reach().await?;
    let ended = standing(&reach, realm.clone(), Of::User(username.clone())).await;
    let disable = UserSetActivity { realm, username, enabled: Enabled::Disabled };
    let user = reach.run(disable).await?;
    place.say(&user, |user| {
        format!("user {} is disabled; with it ended {ended} and all browser sessions\n", output::plain(&user.username))
    })
}

async fn list(List { realm: InRealm { realm, place }, slice }: List) -> anyhow::Result<()> {
    let list = UserList { realm, after: slice.after, limit: slice.limit.limit };
    let users = place.reach().await?.run(list).await?;
    place.say(&users, |users| {
        let row = |user: &UserView| {
            let (username, sub, status) = (user.username.clone(), user.sub.clone(), status(user).to_owned());
            [username, status, sub, or_dash(user.email.as_deref()), user.name.clone()]
        };
        let table =
            output::table(["USER", "STATUS", "SUB", "EMAIL", "NAME"], &users.iter().map(row).collect::<Vec<_>>());
        let end = users.last().map(|user| user.username.as_str());
        table + &slice.limit.more(users.len(), end)
    })
}

const fn status(user: &UserView) -> &'static str {
    match user.status {
        Enabled::Enabled => "enabled",
        Enabled::Disabled => "disabled",
    }
}
