//! Any text is an API key in its one spelling, or refused.
#![cfg_attr(fuzzing, no_main)]

use libfuzzer_sys::fuzz_target;
use stint::auth::api_key::PresentedKey;

fuzz_target!(|text: &str| {
    let Ok(key) = PresentedKey::parse(text) else { return };
    let spelled = format!("stint_{}_{}_", key.tenant().as_uuid().simple(), key.id().as_uuid().simple());
    let secret = text.strip_prefix(&spelled).expect("another spelling of the ids");
    assert_eq!(secret.len(), 43, "a secret of another length");
    assert!(!format!("{key:?}").contains(secret), "the secret is shown");
});
