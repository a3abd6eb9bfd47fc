//! The processes of a server: the postmaster and its children, as /proc shows them.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The fields of /proc/PID/stat that are read here; times are in clock ticks.
struct Stat {
    process: Pid,
    parent: i32,
    state: char,
    own_ticks: u64,
    /// Of children that have ended and were waited for.
    children_ticks: u64,
}

/// Sends a signal to the postmaster and to all its children, also those that it starts meanwhile.
pub(crate) fn signal_all(postmaster: Pid, signal: Signal) {
    // A stopped postmaster starts no more of them.
    send(postmaster, Signal::STOP);
    while family(postmaster)
        .first()
        .is_some_and(|own| own.process == postmaster && !matches!(own.state, 'T' | 't' | 'Z'))
    {
        std::thread::yield_now();
    }
    for Stat { process, .. } in family(postmaster).into_iter().rev() {
        send(process, signal);
    }
}

/// What all of them have used of the processors, those that have ended included.
pub(crate) fn cpu_time(postmaster: Pid) -> Duration {
    let of = |stat: &Stat| stat.own_ticks + if stat.process == postmaster { stat.children_ticks } else { 0 };
    let ticks = family(postmaster).iter().map(of).sum::<u64>();
    Duration::from_micros(ticks * 1_000_000 / rustix::param::clock_ticks_per_second())
}

/// The postmaster, if it lives, then its children.
fn family(postmaster: Pid) -> Vec<Stat> {
    let parent = postmaster.as_raw_nonzero().get();
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let all = entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?));
    let mut family: Vec<Stat> = all.filter(|stat| stat.process == postmaster || stat.parent == parent).collect();
    family.sort_by_key(|stat| stat.process != postmaster);
    family
}

/// See proc(5); the name may hold spaces and brackets. A process that has just ended has none.
fn stat(process: i32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        process: Pid::from_raw(process)?,
        parent: fields.get(1)?.parse().ok()?,
        state: fields.first()?.chars().next()?,
        own_ticks: number(11)? + number(12)?,
        children_ticks: number(13)? + number(14)?,
    })
}

fn send(process: Pid, signal: Signal) {
    // It may have ended.
    let _ = kill_process(process, signal);
}
