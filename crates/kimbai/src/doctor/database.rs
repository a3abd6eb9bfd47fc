//! A store in PostgreSQL: whether it can be reached and used, and whether what it acknowledges is kept.

use kimbai_store::postgres::{self, DatabaseFacts, MigrationPlan, OpenError, Options, StoreUrl};

use super::Check;
use crate::config::Config;

/// One check a question; an error, if it cannot be reached.
pub(super) fn check(config: &Config, url: &StoreUrl) -> Result<Vec<Check>, Check> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let looked = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(look(url)));
    let (facts, plan) = match looked {
        Ok(looked) => looked,
        Err(error) => return Err(Check::problem(DATABASE, format!("{error:#}"), "mend that; no server would start")),
    };
    let mut checks = vec![version(url, facts.version), schema(&plan), rights(&facts, &plan), durability(&facts)];
    checks.extend([replication(&facts), connections(&facts, &config.postgres), clock(&facts)]);
    Ok(checks)
}

async fn look(url: &StoreUrl) -> anyhow::Result<(DatabaseFacts, Result<MigrationPlan, OpenError>)> {
    let facts = postgres::examine(url).await?;
    Ok((facts, postgres::plan_migration(url).await))
}

fn version(url: &StoreUrl, version: u32) -> Check {
    let (major, minor) = (version / 10_000, version % 10_000);
    let found = format!("{url} answers, PostgreSQL {major}.{minor}");
    match major {
        0..OLDEST => {
            Check::problem(DATABASE, found, format!("use PostgreSQL {OLDEST} or later: earlier ones are not tried"))
        }
        _ if TRIED.contains(&major) => Check::ok(DATABASE, found),
        OLDEST..NEWEST => Check::ok(DATABASE, format!("{found}; tried are {OLDEST} and {NEWEST}")),
        _ => Check::warning(
            DATABASE,
            found,
            format!("tried are PostgreSQL {OLDEST} and {NEWEST}: try it before you trust it"),
        ),
    }
}

fn schema(plan: &Result<MigrationPlan, OpenError>) -> Check {
    match plan {
        Err(error @ (OpenError::NewerSchema { .. } | OpenError::OtherSchema { .. })) => {
            Check::problem(SCHEMA, error.to_string(), "start a kimbai of the version that made it, or a later one")
        }
        // What to do, it says itself.
        Err(error) => Check::problem(SCHEMA, error.to_string(), "mend that; no server would start"),
        Ok(plan) if plan.found == 0 => Check::ok(SCHEMA, "there is none yet; the first start makes it"),
        Ok(plan) if plan.due.is_empty() => Check::ok(SCHEMA, format!("{}, as this version needs it", plan.found)),
        Ok(plan) => {
            let found = format!("{}, and this version needs {}", plan.found, plan.needed);
            Check::problem(SCHEMA, found, "look with `kimbai migrate --dry-run`, then run `kimbai migrate`")
        }
    }
}

fn rights(facts: &DatabaseFacts, plan: &Result<MigrationPlan, OpenError>) -> Check {
    let is_new = plan.as_ref().is_ok_and(|plan| plan.found == 0);
    if is_new && !facts.may_create {
        return Check::problem(
            RIGHTS,
            "the role may not create a schema",
            "GRANT CREATE ON DATABASE … TO the role, or make it the owner",
        );
    }
    if facts.missing_rights.is_empty() {
        return Check::ok(RIGHTS, "the role may do what a server does");
    }
    let shown = facts.missing_rights.iter().take(RIGHTS_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let found = match facts.missing_rights.len().saturating_sub(RIGHTS_SHOWN) {
        0 => format!("the role lacks {shown}"),
        more => format!("the role lacks {shown}, and {more} more"),
    };
    Check::problem(
        RIGHTS,
        found,
        "make the role the owner of the schema kimbai and of all in it, or grant it what it lacks",
    )
}

/// What is acknowledged and then lost comes back as a token that was revoked, or a refresh that nobody can repeat.
fn durability(facts: &DatabaseFacts) -> Check {
    if !facts.fsync {
        return Check::problem(DURABILITY, "fsync is off: a power cut damages the database", "set fsync = on");
    }
    if !facts.full_page_writes {
        let advice = "set full_page_writes = on, but on a file system that never writes half a page";
        return Check::warning(DURABILITY, "full_page_writes is off: a power cut may damage the database", advice);
    }
    match facts.synchronous_commit.as_str() {
        "off" => {
            let found = "synchronous_commit is off; kimbai turns it on for its own sessions";
            Check::warning(
                DURABILITY,
                found,
                "leave it on: other programs on this database would still lose what they were told is kept",
            )
        }
        "local" if !facts.synchronous_standby_names.is_empty() => {
            let advice = "set synchronous_commit = on: a fail-over forgets what was acknowledged";
            Check::warning(DURABILITY, "synchronous_commit is local: no commit waits for the standbys", advice)
        }
        value => Check::ok(DURABILITY, format!("fsync and full_page_writes are on, synchronous_commit is {value}")),
    }
}

fn replication(facts: &DatabaseFacts) -> Check {
    match (facts.synchronous_standby_names.as_str(), facts.standbys) {
        ("", 0) => Check::ok(REPLICATION, "no standby is connected: what this machine loses is lost"),
        ("", standbys) => {
            let found = format!("{standbys} connected, none of them is waited for");
            let advice = "set synchronous_standby_names: a fail-over to such a standby forgets what was acknowledged";
            Check::warning(REPLICATION, found, advice)
        }
        (names, 0) => {
            let found =
                format!("synchronous_standby_names is {names:?}, and no standby is connected: every commit waits");
            Check::problem(REPLICATION, found, "start a standby, or empty the setting")
        }
        (names, standbys) => match facts.standbys_waited_for {
            Some(0) => {
                let found = format!("{standbys} connected, none of which is in {names:?}: every commit waits");
                Check::problem(REPLICATION, found, "start a standby that is named, or change synchronous_standby_names")
            }
            Some(waited_for) => {
                Check::ok(REPLICATION, format!("{standbys} connected; commits wait for {waited_for} of them ({names})"))
            }
            None => Check::ok(
                REPLICATION,
                format!(
                    "{standbys} connected; commits wait for {names} (whether these are they, a role of pg_monitor sees)"
                ),
            ),
        },
    }
}

fn connections(facts: &DatabaseFacts, options: &Options) -> Check {
    // One more listens.
    let each = u32::try_from(options.lanes.saturating_add(options.pool).saturating_add(1)).unwrap_or(u32::MAX);
    let others = facts.connections.saturating_sub(facts.connections_of_kimbai).saturating_sub(1);
    let most = facts.connections_max.saturating_sub(others) / each.max(1);
    let found = format!(
        "{} of {} in use, {} by kimbai; a server takes at most {each}: there is room for {most} servers",
        facts.connections, facts.connections_max, facts.connections_of_kimbai
    );
    let advice = "raise max_connections, or lower store.lanes and store.pool";
    match most {
        0 => Check::problem(CONNECTIONS, found, advice),
        // Each restart beside the others needs room for one more.
        1 => Check::warning(CONNECTIONS, found, advice),
        _ => Check::ok(CONNECTIONS, found),
    }
}

/// Servers correct their clocks by the database's, so that this troubles logs and people alone.
fn clock(facts: &DatabaseFacts) -> Check {
    let apart_us = facts.clock_ahead_us.abs().saturating_sub(facts.round_trip_us);
    let way = if facts.clock_ahead_us < 0 { "behind" } else { "ahead of" };
    let found = format!("{} ms {way} this machine's", facts.clock_ahead_us.abs() / 1_000);
    if apart_us > CLOCK_APART_US_MAX {
        return Check::warning(CLOCK, found, "keep both right with NTP: certificates and logs follow this machine's");
    }
    Check::ok(CLOCK, found)
}

const DATABASE: &str = "database";
const SCHEMA: &str = "schema";
const RIGHTS: &str = "rights";
const DURABILITY: &str = "durability";
const REPLICATION: &str = "replication";
const CONNECTIONS: &str = "connections";
const CLOCK: &str = "database clock";
/// The versions that the tests run on.
const TRIED: [u32; 2] = [OLDEST, NEWEST];
const OLDEST: u32 = 15;
const NEWEST: u32 = 18;
const RIGHTS_SHOWN: usize = 3;
const CLOCK_APART_US_MAX: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{self, Ok as Sound, Problem, Warning};

    const FACTS: DatabaseFacts = DatabaseFacts {
        version: 150_019,
        fsync: true,
        full_page_writes: true,
        synchronous_commit: String::new(),
        synchronous_standby_names: String::new(),
        standbys: 0,
        standbys_waited_for: None,
        connections_max: 97,
        connections: 1,
        connections_of_kimbai: 0,
        clock_ahead_us: 0,
        round_trip_us: 500,
        may_create: true,
        missing_rights: Vec::new(),
    };

    fn plan(found: u32, due: usize) -> MigrationPlan {
        let step = postgres::PlannedMigration { number: 2, name: "second", oldest: 1 };
        MigrationPlan { found, needed: 2, due: vec![step; due] }
    }

    #[track_caller]
    fn assert_check(check: &Check, verdict: Verdict, expect: &str) {
        assert_eq!(check.verdict, verdict, "{check:?}");
        assert!(check.found.contains(expect), "{check:?}");
        assert_eq!(check.advice.is_some(), verdict != Sound, "{check:?}");
    }

    #[test]
    fn a_version_is_sound_if_it_or_both_around_it_were_tried() {
        let url = "postgres://an:geheim@localhost/kimbai".parse().unwrap();
        for (number, verdict, expect) in [
            (140_009, Problem, "PostgreSQL 14.9"),
            (150_019, Sound, "PostgreSQL 15.19"),
            (160_001, Sound, "tried are 15 and 18"),
            (180_004, Sound, "PostgreSQL 18.4"),
            (190_000, Warning, "PostgreSQL 19.0"),
        ] {
            let check = version(&url, number);
            assert_check(&check, verdict, expect);
            assert!(!check.found.contains("geheim"));
        }
    }

    #[test]
    fn a_schema_is_sound_if_it_is_to_be_made_or_as_it_must_be() {
        for (plan, verdict, expect) in [
            (Ok(plan(0, 2)), Sound, "the first start makes it"),
            (Ok(plan(2, 0)), Sound, "2, as this version needs it"),
            (Ok(plan(1, 1)), Problem, "1, and this version needs 2"),
            (Err(OpenError::NewerSchema { found: 9, oldest: 8, known: 2 }), Problem, "schema 9"),
        ] {
            assert_check(&schema(&plan), verdict, expect);
        }
        let other = OpenError::Unreachable { place: "db/x".to_owned(), reason: "permission denied".to_owned() };
        assert!(!schema(&Err(other)).advice.unwrap().contains("version"), "it is not a matter of versions");
    }

    #[test]
    fn rights_are_those_to_make_the_schema_or_to_use_it() {
        let without = DatabaseFacts { may_create: false, ..FACTS };
        let lacking = |count| {
            let rights = ["UPDATE on grants", "SELECT on keys", "SELECT on meta", "SELECT on users"];
            let missing_rights = rights.iter().take(count).map(|&right| right.to_owned()).collect();
            DatabaseFacts { missing_rights, ..without.clone() }
        };
        for (facts, plan, verdict, expect) in [
            (&FACTS, Ok(plan(0, 1)), Sound, "may do"),
            (&without, Ok(plan(0, 1)), Problem, "may not create a schema"),
            (&without, Ok(plan(2, 0)), Sound, "may do"),
            (&lacking(3), Ok(plan(2, 0)), Problem, "lacks UPDATE on grants, SELECT on keys, SELECT on meta"),
            (&lacking(4), Ok(plan(2, 0)), Problem, "SELECT on meta, and 1 more"),
        ] {
            assert_check(&rights(facts, &plan), verdict, expect);
        }
    }

    #[test]
    fn what_may_lose_an_acknowledged_change_is_said() {
        let with = |fsync, full_page_writes, commit: &str, names: &str| DatabaseFacts {
            fsync,
            full_page_writes,
            synchronous_commit: commit.to_owned(),
            synchronous_standby_names: names.to_owned(),
            ..FACTS
        };
        for (facts, verdict, expect) in [
            (with(true, true, "on", ""), Sound, "synchronous_commit is on"),
            (with(false, true, "on", ""), Problem, "fsync is off"),
            (with(true, false, "on", ""), Warning, "full_page_writes is off"),
            (with(true, true, "off", ""), Warning, "synchronous_commit is off"),
            (with(true, true, "local", "one"), Warning, "no commit waits"),
            (with(true, true, "local", ""), Sound, "synchronous_commit is local"),
        ] {
            assert_check(&durability(&facts), verdict, expect);
        }
        for (names, standbys, standbys_waited_for, verdict, expect) in [
            ("", 0, None, Sound, "no standby is connected"),
            ("", 1, Some(0), Warning, "1 connected, none of them is waited for"),
            ("one", 0, None, Problem, "every commit waits"),
            ("one", 2, Some(0), Problem, "2 connected, none of which is in \"one\": every commit waits"),
            ("ANY 1 (a, b)", 3, Some(2), Sound, "3 connected; commits wait for 2 of them (ANY 1 (a, b))"),
            ("ANY 1 (a, b)", 2, None, Sound, "a role of pg_monitor sees"),
        ] {
            let names = names.to_owned();
            let facts = DatabaseFacts { synchronous_standby_names: names, standbys, standbys_waited_for, ..FACTS };
            assert_check(&replication(&facts), verdict, expect);
        }
    }

    #[test]
    fn there_must_be_room_for_two_servers_beside_what_others_take() {
        let options = Options { lanes: 4, pool: 5, ..Options::default() };
        for (max, connections, of_kimbai, verdict, expect) in [
            (97, 1, 0, Sound, "a server takes at most 10: there is room for 9 servers"),
            (97, 31, 20, Sound, "room for 8 servers"),
            (20, 1, 0, Sound, "room for 2 servers"),
            (19, 1, 0, Warning, "room for 1 servers"),
            (9, 1, 0, Problem, "room for 0 servers"),
        ] {
            let facts = DatabaseFacts { connections_max: max, connections, connections_of_kimbai: of_kimbai, ..FACTS };
            assert_check(&super::connections(&facts, &options), verdict, expect);
        }
    }

    #[test]
    fn clocks_may_be_a_second_apart_beyond_what_can_be_measured() {
        for (ahead_us, round_trip_us, verdict, expect) in [
            (0, 500, Sound, "0 ms ahead of this machine's"),
            (1_000_500, 500, Sound, "1000 ms ahead of this machine's"),
            (1_000_501, 500, Warning, "1000 ms ahead of this machine's"),
            (-300_000_000, 500, Warning, "300000 ms behind this machine's"),
        ] {
            let facts = DatabaseFacts { clock_ahead_us: ahead_us, round_trip_us, ..FACTS };
            assert_check(&clock(&facts), verdict, expect);
        }
    }
}
