//! Any text is a token or refused: before its signature is checked, and its claims as if the signature were good.
#![cfg_attr(fuzzing, no_main)]

use libfuzzer_sys::fuzz_target;
use stint::auth::Credential;

fuzz_target!(|text: &str| {
    if let Some(credential) = Credential::token(text) {
        let _ = (credential.claimed_principal(), credential.claimed_link_keys());
        assert!(!format!("{credential:?}").contains(text), "a token is shown");
    }
    #[cfg(fuzzing)]
    stint::auth::jwt::fuzz_token(text);
});
