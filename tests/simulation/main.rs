//! A simulation of everything around the gateway, with the real engine and the real store in the middle: no mail is lost,
//! none is doubled, whatever happens and whenever the process dies.
//!
//! | part | its state | what goes wrong with it |
//! |---|---|---|
//! | `gateway` | the store's file; in memory what couriers hold | dies between any two steps, and at any write of a commit |
//! | `disk` | what SQLite wrote, what of it was synced | full, broken, torn writes, power cuts |
//! | mailbox | mails, their UIDs, UIDVALIDITY | repeats, other order, new UIDVALIDITY, lost connections |
//! | relay | what it was given, by Message-ID and recipient | lost answers, 4xx, 5xx, stalls beyond the lease, bounces, copies |
//! | `people` | what they got, their local tickets | acknowledge twice or never, drop tags and references, answer programs |
//! | clock | now | jumps both ways |
//!
//! Two such gateways have each other among their units. `laws` says what must hold, `world` what can happen.
//!
//! `SIMULATION_SEEDS=17` runs one seed and prints its steps, `SIMULATION_SEEDS=0..1000000` many. A seed that once failed
//! stays as a test of its own, below.

mod dice;
mod disk;
mod gateway;
mod laws;
mod letters;
mod panics;
mod people;
mod tally;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tally::Tally;
use world::World;

/// Seeds of a run that names none; `.ci/run` takes ten thousand.
const SEEDS: Range<u64> = 0..500;
/// Failures after which the rest is not tried.
const ENOUGH: usize = 3;

/// What happened in a seed, or the law that did not hold, after the steps.
fn run(seed: u64) -> Result<Tally, String> {
    let mut world = World::new(seed);
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    disk::plan(disk::Plan::Well);
    let law = ended.unwrap_or_else(|_| Err("the code panicked, see above".to_owned()));
    law.map(|()| world.tally.clone()).map_err(|why| {
        let again = format!("SIMULATION_SEEDS={seed} cargo test --test simulation -- --nocapture");
        format!("{}\nseed {seed}: {why}\nagain: {again}", world.steps.join("\n"))
    })
}

/// The seeds of this run, and whether they are so few that their steps are of interest.
fn seeds() -> Range<u64> {
    let Ok(wanted) = std::env::var("SIMULATION_SEEDS") else { return SEEDS };
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("SIMULATION_SEEDS={wanted}: write 17 or 0..1000"));
    match wanted.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&wanted)..number(&wanted) + 1,
    }
}

#[test]
fn no_mail_is_lost_and_none_is_doubled() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let results = Mutex::new((Tally::default(), Vec::new()));
    let work = || {
        while results.lock().unwrap().1.len() < ENOUGH {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let ended = run(seed);
            let mut results = results.lock().unwrap();
            match ended {
                Ok(tally) => results.0.add(&tally),
                Err(failure) => results.1.push(failure),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (tally, failures) = results.into_inner().unwrap();
    println!("{tally}{:>10}  lost or doubled", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// A dispatch that the relay refused while the ticket was solved; then the user reopened it.
#[test]
fn a_ticket_that_is_reopened_at_a_unit_that_never_got_it() {
    for seed in [2_042, 2_128] {
        run(seed).unwrap_or_else(|why| panic!("{why}"));
    }
}
