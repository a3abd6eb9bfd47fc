//! `kimbai apply`: makes realms, clients and users as files say, and shows first what that changes.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use kimbai_engine::admin::{Action, Applied, Apply, Kind, Manifest, Plan, Prune, Step};

use super::output::{self, Form};
use super::reach::Reach;
use super::{Place, manifest};
use crate::boot;
use crate::config::{Origin, Problem, Problems};
use crate::exit::ExitStatus;

/// Makes realms, clients and users as files say.
#[derive(Debug, Args)]
#[command(after_help = "\
Secrets in a file: `client_secret`, `password` and `password_hash` may be given as \"env:NAME\" or \"file:PATH\"; a client secret that
is left out is made, and printed once. What a file does not name stays as it is; a realm's or client's `unset = [\"KEY\"]` names keys
that shall have no value. With --plan the exit status is 0 when nothing would
change, 2 when something would, and 1 when it cannot be said. The store must be there: `kimbai serve` makes it.

Examples:
  kimbai apply kimbai-realms.toml
  kimbai apply --plan realms.toml clients.json
  kimbai export --realm main | kimbai apply --data other-data --yes -")]
pub(crate) struct ApplyArgs {
    /// Files in TOML or JSON, laid together; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only show what would change.
    #[arg(long, conflicts_with = "yes")]
    plan: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Remove clients, and retire scopes, that the files do not name in a realm whose clients or scopes they name.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: ApplyArgs) -> anyhow::Result<ExitStatus> {
    let prune = if args.prune { Prune::Remove } else { Prune::Keep };
    if args.plan {
        return Ok(match Box::pin(show(&args, prune)).await {
            Ok(status) => status,
            // 2 means here that something would change, and nothing else.
            Err(error) => {
                output::note(&format!("error: {error:#}"));
                ExitStatus::Failed
            }
        });
    }
    let asks = can_ask(&args)?;
    let manifest = manifest::read(&args.files)?;
    let reach = args.place.reach().await?;
    let steps = reach.run(Plan { manifest: manifest.clone(), prune }).await?;
    if steps.is_empty() {
        let nothing = Applied { steps, made_secrets: Vec::new() };
        args.place.say(&nothing, |_| NOTHING.to_owned())?;
        return Ok(ExitStatus::Done);
    }
    match args.place.form() {
        Form::Text => output::print(&plan_text(&steps, Paint::on(&io::stdout())))?,
        Form::Json if asks == Asks::Yes => output::note(&plan_text(&steps, Paint::on(&io::stderr()))),
        Form::Json => {}
    }
    if asks == Asks::Yes && !is_agreed(steps.len())? {
        output::note("nothing was changed");
        return Ok(ExitStatus::Failed);
    }
    carry_out(&args, &reach, (manifest, prune), steps).await?;
    Ok(ExitStatus::Done)
}

async fn show(args: &ApplyArgs, prune: Prune) -> anyhow::Result<ExitStatus> {
    let manifest = manifest::read(&args.files)?;
    let steps = args.place.reach().await?.run(Plan { manifest, prune }).await?;
    args.place.say(&steps, |steps| plan_text(steps, Paint::on(&io::stdout())))?;
    Ok(if steps.is_empty() { ExitStatus::Done } else { ExitStatus::Differs })
}

async fn carry_out(
    args: &ApplyArgs,
    reach: &Reach,
    (manifest, prune): (Manifest, Prune),
    shown: Vec<Step>,
) -> anyhow::Result<()> {
    // What was shown is what is done, or nothing is.
    let applied = reach.run(Apply { manifest, prune, agreed: Some(shown) }).await?;
    args.place.say(&applied, done_text)
}

/// Whether the person is asked before anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Yes,
    No,
}

/// Without a terminal nobody can be asked, and what was not agreed to is not done.
fn can_ask(args: &ApplyArgs) -> Result<Asks, Problems> {
    let reads_manifest = args.files.iter().any(|file| file.as_os_str() == "-");
    if args.yes {
        Ok(Asks::No)
    } else if io::stdin().is_terminal() && io::stderr().is_terminal() && !reads_manifest {
        Ok(Asks::Yes)
    } else {
        let message = "nobody can be asked whether to apply: this is not a terminal";
        let advice = "give --yes to apply without a question, or --plan to see what would change";
        Err(Problems::new(vec![Problem::new(Origin::Default, message, advice)]))
    }
}

fn is_agreed(changes: usize) -> anyhow::Result<bool> {
    let mut stderr = io::stderr();
    write!(stderr, "Apply {}? [y/N] ", these(changes)).and_then(|()| stderr.flush()).context("cannot ask")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn these(changes: usize) -> String {
    if changes == 1 { "this change".to_owned() } else { format!("these {changes} changes") }
}

const NOTHING: &str = "Nothing to do: everything is as the files say.\n";

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn on(output: &impl io::IsTerminal) -> Self {
        Self(!boot::bold(output).0.is_empty())
    }

    const fn of(self, action: Action) -> (&'static str, &'static str) {
        match (self.0, action) {
            (false, _) => ("", ""),
            (true, Action::Add) => ("\u{1b}[32m", "\u{1b}[0m"),
            (true, Action::Change) => ("\u{1b}[33m", "\u{1b}[0m"),
            (true, Action::Remove) => ("\u{1b}[31m", "\u{1b}[0m"),
        }
    }
}

fn plan_text(steps: &[Step], paint: Paint) -> String {
    if steps.is_empty() {
        return NOTHING.to_owned();
    }
    let mut out = String::new();
    for step in steps {
        let mark = match step.action {
            Action::Add => '+',
            Action::Change => '~',
            Action::Remove => '-',
        };
        let (kind, realm) = match step.kind {
            Kind::Realm => ("realm", String::new()),
            Kind::Client => ("client", format!(" in {}", step.realm)),
            Kind::User => ("user", format!(" in {}", step.realm)),
            Kind::Organization => ("organization", format!(" in {}", step.realm)),
        };
        let (colour, end) = paint.of(step.action);
        // Writing to a string does not fail.
        let _ = writeln!(out, "{colour}{mark} {kind} {}{realm}{end}", output::plain(&step.name));
        for change in &step.changes {
            let _ = writeln!(out, "    {}", output::plain(change));
        }
    }
    out
}

fn done_text(applied: &Applied) -> String {
    let number = |action: Action| applied.steps.iter().filter(|step| step.action == action).count();
    let (added, changed, removed) = (number(Action::Add), number(Action::Change), number(Action::Remove));
    let mut out = format!("Done: {added} added, {changed} changed, {removed} removed.\n");
    if !applied.made_secrets.is_empty() {
        let rows = applied
            .made_secrets
            .iter()
            .map(|made| [made.realm.clone(), made.client_id.clone(), made.client_secret.expose().to_owned()]);
        out += "\nThese client secrets were made. They are not shown again:\n";
        out += &output::table(["REALM", "CLIENT", "SECRET"], &rows.collect::<Vec<_>>());
    }
    out
}
