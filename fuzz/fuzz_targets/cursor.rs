//! Any text is a cursor or refused, and a cursor that is accepted is one that we made.
#![cfg_attr(fuzzing, no_main)]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    #[cfg(fuzzing)]
    stint::http::fuzz_cursor(text);
    #[cfg(not(fuzzing))]
    let _ = text;
});
