//! Any text is a token or refused: before its signature is checked, and its claims as if the signature were good.
#![cfg_attr(fuzzing, no_main)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use stint::auth::Credential;

/// `{"alg":"RS256"}`
const HEADER: &str = "eyJhbGciOiJSUzI1NiJ9";

fuzz_target!(|text: &str| {
    read(text);
    // As the claims of a token.
    read(&format!("{HEADER}.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(text)));
});

fn read(token: &str) {
    if let Some(credential) = Credential::token(token) {
        let _ = (credential.claimed_principal(), credential.claimed_link_keys());
        assert!(!format!("{credential:?}").contains(token), "a token is shown");
    }
    #[cfg(fuzzing)]
    stint::auth::jwt::fuzz_token(token);
}
