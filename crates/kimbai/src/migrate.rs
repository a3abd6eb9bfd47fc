//! `kimbai migrate`: the schema of a database brought to what this version needs. `serve` makes a schema where there is none, and
//! never changes one.

use std::fmt::Write as _;

use clap::Args;
use kimbai_store::postgres::{self, MigrationPlan, StoreUrl};
use serde_json::{Value as Json, json};

use crate::admin::print;
use crate::boot;
use crate::config::{DataArgs, StorePlace};
use crate::exit::ExitStatus;

/// Brings the schema of a PostgreSQL database to what this version needs.
#[derive(Debug, Args)]
#[command(after_help = "\
Migrations go forwards, each in one transaction, one process at a time. With --dry-run it ends with 2 when something is due.

Examples:
  kimbai migrate --dry-run --config /etc/kimbai/kimbai.toml
  kimbai migrate --store postgres://kimbai@db.example.vn/kimbai")]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Say what is due, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &MigrateArgs) -> anyhow::Result<ExitStatus> {
    boot::warnings_to_stderr();
    let config = args.data.config()?;
    let StorePlace::Postgres(url) = &config.store else {
        let text = "the embedded store is brought forward by the server that starts on it: there is nothing to do\n";
        print(&if args.json { json!({ "due": [] }).to_string() + "\n" } else { text.to_owned() })?;
        return Ok(ExitStatus::Done);
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(migrate(args, url))
}

async fn migrate(args: &MigrateArgs, url: &StoreUrl) -> anyhow::Result<ExitStatus> {
    let plan = if args.dry_run {
        postgres::plan_migration(url).await?
    } else {
        postgres::migrate(url, |step| tracing::info!(number = step.number, name = step.name, "migrating")).await?
    };
    print(&if args.json { document(&plan).to_string() + "\n" } else { text(url, &plan, args.dry_run)? })?;
    Ok(if args.dry_run && !plan.due.is_empty() { ExitStatus::Differs } else { ExitStatus::Done })
}

fn document(plan: &MigrationPlan) -> Json {
    let due = plan.due.iter().map(|step| json!({"number": step.number, "name": step.name, "oldest": step.oldest}));
    json!({"found": plan.found, "needed": plan.needed, "due": due.collect::<Vec<_>>()})
}

fn text(url: &StoreUrl, plan: &MigrationPlan, is_dry: bool) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    if plan.due.is_empty() {
        writeln!(out, "{url} has schema {}: there is nothing to do", plan.found)?;
        return Ok(out);
    }
    let verb = if is_dry { "would be brought" } else { "was brought" };
    writeln!(out, "{url} {verb} from schema {} to {}:", plan.found, plan.needed)?;
    for step in &plan.due {
        writeln!(out, "  {:04} {}", step.number, step.name)?;
        // Of an empty database there are no servers.
        if is_dry && plan.found > 0 && step.oldest > plan.found {
            writeln!(out, "       stop servers that know no schema {} before", step.oldest)?;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use kimbai_store::postgres::PlannedMigration;

    use super::*;

    #[test]
    fn a_plan_says_what_is_due_and_which_servers_must_be_stopped() {
        let url: StoreUrl = "postgres://an@localhost/kimbai".parse().unwrap();
        let step = |number, name, oldest| PlannedMigration { number, name, oldest };
        let first = [step(1, "first", 1)];
        let two = [step(2, "second", 1), step(3, "third", 3)];
        for (found, due, is_dry, expect) in [
            (3, &[][..], true, "has schema 3: there is nothing to do\n"),
            (0, &first, true, "would be brought from schema 0 to 3:\n  0001 first\n"),
            (1, &two, false, "was brought from schema 1 to 3:\n  0002 second\n  0003 third\n"),
            (
                1,
                &two,
                true,
                "would be brought from schema 1 to 3:\n  0002 second\n  0003 third\n       stop servers that know no schema 3 before\n",
            ),
        ] {
            let plan = MigrationPlan { found, needed: 3, due: due.to_vec() };
            assert_eq!(text(&url, &plan, is_dry).unwrap(), format!("postgresql://an@localhost:5432/kimbai {expect}"));
        }
    }
}
