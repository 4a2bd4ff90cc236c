//! Any text is a cursor or refused, and a cursor has one spelling.
#![cfg_attr(fuzzing, no_main)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    read(text);
    // As a position, behind what would be its tag.
    read(&URL_SAFE_NO_PAD.encode(format!("0123456789abcdef{text}")));
});

#[cfg(fuzzing)]
fn read(text: &str) {
    stint::http::fuzz_cursor(text);
}

/// Without `make fuzz`, there is nothing to call.
#[cfg(not(fuzzing))]
fn read(_: &str) {}
