//! Histories by the hundred. What happens in a world is made from a seed of its own, and is the same each time.

use std::cell::Cell;
use std::env::VarError;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::play::{Summary, play};
use super::step::{Step, histories};

/// Tests run beside each other; each has its part of the worlds.
const PARTS: u64 = 4;

/// A world takes as long to start as a history takes to play, so it sees some, each from rest to rest.
const HISTORIES_A_WORLD: u64 = 5;

/// After so many attempts to leave something out, what is left is told.
const ATTEMPTS_TO_SHRINK: u32 = 40;

fn setting(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, and is to be a number")),
        Err(VarError::NotPresent) => otherwise,
        Err(error) => panic!("{name}: {error}"),
    }
}

/// Every fourth world, from the one with that number on.
fn worlds_from(first: u64) {
    let count = setting("HISTORIES", 60).div_ceil(HISTORIES_A_WORLD);
    let (steps, seed) = (setting("STEPS", 20), setting("SEED", 0));
    let mut total = Summary::default();
    for world in (first..count).step_by(usize::try_from(PARTS).unwrap()) {
        total += see(seed + world, usize::try_from(steps).unwrap());
        eprintln!("to seed {}: {total}", seed + world);
    }
}

fn see(seed: u64, steps: usize) -> Summary {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config =
        Config { cases: 1, failure_persistence: None, max_shrink_iters: ATTEMPTS_TO_SHRINK, ..Config::default() };
    let summary = Cell::new(Summary::default());
    let what = histories(usize::try_from(HISTORIES_A_WORLD).unwrap(), steps);
    let outcome = TestRunner::new_with_rng(config, rng).run(&what, |(latency, histories)| {
        summary.set(play(latency, &histories));
        Ok(())
    });
    match outcome {
        Ok(()) => summary.get(),
        Err(TestError::Fail(why, (latency, histories))) => {
            panic!("{why}\n\n{}\nagain, from all steps:\n    {}\n", told(latency, &histories), command(seed, steps))
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// As the tests in `found` have them.
fn told(latency: u64, histories: &[Vec<Step>]) -> String {
    let mut told = format!("the fewest steps that were found, where Identity Center takes {latency} seconds:\n");
    for steps in histories.iter().filter(|steps| !steps.is_empty()) {
        told.push_str("vec![\n");
        told.extend(steps.iter().map(|step| format!("    {step:?},\n")));
        told.push_str("]\n");
    }
    told
}

fn command(seed: u64, steps: usize) -> String {
    format!("SEED={seed} STEPS={steps} HISTORIES={HISTORIES_A_WORLD} cargo nextest run -E 'binary(histories)'")
}

#[test]
fn a_seed_is_played_the_same_each_time() {
    assert_eq!(see(0, 20), see(0, 20));
}

#[test]
fn what_is_there_is_what_was_promised_1() {
    worlds_from(0);
}

#[test]
fn what_is_there_is_what_was_promised_2() {
    worlds_from(1);
}

#[test]
fn what_is_there_is_what_was_promised_3() {
    worlds_from(2);
}

#[test]
fn what_is_there_is_what_was_promised_4() {
    worlds_from(3);
}
