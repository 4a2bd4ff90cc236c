//! Histories by the hundred. Each has a seed of its own, which makes the same steps each time.

use std::env::VarError;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::play::{Summary, play};
use super::step::{Step, history};

/// Tests run beside each other; each does its part of the histories.
const PARTS: u64 = 4;

/// How many histories there are, how long they are at most, and the seed of the first.
struct Settings {
    histories: u64,
    steps: usize,
    seed: u64,
}

fn setting<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, and is to be a number")),
        Err(VarError::NotPresent) => otherwise,
        Err(error) => panic!("{name}: {error}"),
    }
}

fn part(part: u64) {
    let settings =
        Settings { histories: setting("HISTORIES", 300), steps: setting("STEPS", 16), seed: setting("SEED", 0) };
    let mut total = Summary::default();
    for (done, number) in (1_u64..).zip((part..settings.histories).step_by(usize::try_from(PARTS).unwrap())) {
        total += one(settings.seed + number, settings.steps);
        if done.is_multiple_of(25) || number + PARTS >= settings.histories {
            println!("part {part}: {done} histories of {total}; the last seed was {}", settings.seed + number);
        }
    }
}

fn one(seed: u64, most: usize) -> Summary {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    // A history takes a second at most; shrinking has to end.
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: 150, ..Config::default() };
    let summary = std::cell::Cell::new(Summary::default());
    let outcome = TestRunner::new_with_rng(config, rng).run(&history(most), |steps| {
        summary.set(play(&steps));
        Ok(())
    });
    match outcome {
        Ok(()) => summary.get(),
        Err(TestError::Fail(why, steps)) => panic!("{}", told(&steps, &why.to_string(), seed, most)),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

fn told(steps: &[Step], why: &str, seed: u64, most: usize) -> String {
    let steps: Vec<_> = steps.iter().map(|step| format!("    Step::{step:?},")).collect();
    format!(
        "{why}\n\nafter these steps, the fewest that were found:\n{}\n\nagain, from all steps:\n    \
         SEED={seed} STEPS={most} HISTORIES=1 cargo nextest run -E 'binary(histories)'\n",
        steps.join("\n"),
    )
}

#[test]
fn what_is_there_is_what_was_promised_1() {
    part(0);
}

#[test]
fn what_is_there_is_what_was_promised_2() {
    part(1);
}

#[test]
fn what_is_there_is_what_was_promised_3() {
    part(2);
}

#[test]
fn what_is_there_is_what_was_promised_4() {
    part(3);
}
