#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod keys;

use aws_lc_rs::hmac;
use serde_json::json;

use super::*;
use crate::auth::testing::{Answer, TestIssuer, TestKey, b64, token_of, token_with};
use crate::clock::Clock;

const NOW: i64 = 1_800_000_000;
const OURS: &str = "stint";

struct World {
    clock: Clock,
    cache: JwksCache,
    issuer: TestIssuer,
    rsa: TestKey,
    ec: TestKey,
    ed: TestKey,
}

impl World {
    async fn new() -> Self {
        let (rsa, ec, ed) = (TestKey::rsa(), TestKey::ec(), TestKey::ed());
        let issuer = TestIssuer::start(vec![rsa.jwk("rsa"), ec.jwk("ec"), ed.jwk("ed")]).await;
        let clock = Clock::manual(Timestamp::from_second(NOW).unwrap());
        Self { cache: JwksCache::new(clock.clone()), clock, issuer, rsa, ec, ed }
    }

    fn trust(&self) -> OidcTrust {
        OidcTrust {
            issuer: self.issuer.url.clone(),
            audiences: vec!["other".to_owned(), OURS.to_owned()],
            oidc: OidcConfig::new(self.issuer.url.clone(), OURS),
            verified_domains: vec!["example.com".to_owned()],
        }
    }

    /// The same trust with something else about its configuration.
    fn trust_with(&self, edit: impl FnOnce(&mut OidcConfig)) -> OidcTrust {
        let mut trust = self.trust();
        edit(&mut trust.oidc);
        trust
    }

    /// Good claims, with `changes` made; a `null` takes a claim away.
    fn claims(&self, changes: &Value) -> Value {
        let mut claims = json!({"iss": self.issuer.url, "aud": OURS, "sub": "alice", "exp": NOW + 300, "iat": NOW,
            "nbf": NOW, "email": "alice@example.com", "email_verified": true, "name": "Alice", "groups": ["engineering"]});
        let object = claims.as_object_mut().unwrap();
        object.extend(changes.as_object().unwrap().clone());
        object.retain(|_, value| !value.is_null());
        claims
    }

    fn good(&self) -> Value {
        self.claims(&json!({}))
    }

    async fn verify(&self, token: &str) -> Result<VerifiedClaims, TokenError> {
        Verifier::verify(token, &self.trust(), self.clock.now(), &self.cache).await
    }

    async fn outcome(&self, token: &str) -> Result<(), Refusal> {
        match self.verify(token).await {
            Ok(_) => Ok(()),
            Err(TokenError::Unauthenticated(refusal)) => Err(refusal),
            Err(TokenError::Unavailable(error)) => panic!("{error}"),
        }
    }

    async fn claimed(&self, changes: &Value) -> Result<VerifiedClaims, TokenError> {
        self.verify(&self.ec.token("ec", &self.claims(changes))).await
    }
}

#[tokio::test]
async fn a_valid_token_of_each_algorithm() {
    let world = World::new().await;
    for (key, kid) in [(&world.rsa, "rsa"), (&world.ec, "ec"), (&world.ed, "ed")] {
        let claims = world.verify(&key.token(kid, &world.good())).await.unwrap();
        assert_eq!(claims.subject(), "alice", "{kid}");
        assert_eq!(claims.email(), Some("alice@example.com"));
        assert_eq!(claims.name(), Some("Alice"));
        assert_eq!(claims.groups(), Some(["engineering".to_owned()].as_slice()));
        assert_eq!(claims.expires_at(), Timestamp::from_second(NOW + 300).unwrap());
        assert!(!claims.mfa());
    }
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test]
async fn headers() {
    let world = World::new().await;
    let stranger = TestKey::ec();
    let cases = [
        (json!({"alg": "ES256", "kid": "ec"}), Ok(())),
        (json!({"alg": "ES256", "kid": "ec", "typ": "at+jwt"}), Ok(())),
        (json!({"alg": "ES256", "kid": "ec", "typ": "application/at+JWT"}), Ok(())),
        (json!({"alg": "ES256"}), Ok(())),
        (json!({"alg": "ES256", "kid": "ec", "jku": "https://attacker.example.com", "x5t": "x"}), Ok(())),
        (json!({"alg": "ES256", "kid": "ec", "typ": "logout+jwt"}), Err(Refusal::TokenType)),
        (json!({"alg": "ES256", "kid": "ec", "crit": ["exp"], "exp": 1}), Err(Refusal::CriticalHeader)),
        (json!({"alg": "ES256", "kid": "ec", "crit": [], "b64": false}), Err(Refusal::CriticalHeader)),
        (json!({"alg": "ES256", "kid": "nobody"}), Err(Refusal::UnknownKey)),
        (json!({"alg": "ES256", "kid": "ed"}), Err(Refusal::KeyAlgorithm)),
        (json!({"alg": "RS256", "kid": "ec"}), Err(Refusal::KeyAlgorithm)),
        (json!({"alg": "EdDSA", "kid": "ec"}), Err(Refusal::KeyAlgorithm)),
        (json!({"alg": "RS256", "kid": "rsa"}), Err(Refusal::Signature)),
        (json!({"alg": "ES384", "kid": "ec"}), Err(Refusal::Algorithm)),
        (json!({"alg": "PS256", "kid": "rsa"}), Err(Refusal::Algorithm)),
        (json!({"alg": "es256", "kid": "ec"}), Err(Refusal::Algorithm)),
        (json!({"alg": "none", "kid": "ec"}), Err(Refusal::Algorithm)),
        (json!({"alg": "None"}), Err(Refusal::Algorithm)),
        (json!({"alg": null}), Err(Refusal::Malformed)),
        (json!({"kid": "ec"}), Err(Refusal::Malformed)),
        (json!({"alg": "ES256", "kid": 1}), Err(Refusal::Malformed)),
        (json!([]), Err(Refusal::Malformed)),
    ];
    for (header, expected) in cases {
        assert_eq!(world.outcome(&world.ec.token_with(&header, &world.good())).await, expected, "{header}");
    }

    // Keys that the token brings along, or says where to get.
    let elsewhere = TestIssuer::start(vec![stranger.jwk("ec"), stranger.jwk("theirs")]).await;
    let (keys, jwk) = (format!("{}/jwks", elsewhere.url), stranger.jwk("ec"));
    for (header, expected) in [
        (json!({"alg": "ES256", "kid": "ec", "jwk": jwk}), Refusal::Signature),
        (json!({"alg": "ES256", "jwk": jwk}), Refusal::Signature),
        (json!({"alg": "ES256", "kid": "ec", "jku": keys}), Refusal::Signature),
        (json!({"alg": "ES256", "kid": "theirs", "jku": keys}), Refusal::UnknownKey),
        (json!({"alg": "ES256", "kid": "ec", "x5u": keys}), Refusal::Signature),
        (json!({"alg": "ES256", "kid": "ec", "x5c": ["MIIB"]}), Refusal::Signature),
        (json!({"alg": "ES256", "kid": format!("../{keys}")}), Refusal::UnknownKey),
        (json!({"alg": "ES256", "kid": "' OR 1=1 --"}), Refusal::UnknownKey),
    ] {
        assert_eq!(world.outcome(&stranger.token_with(&header, &world.good())).await, Err(expected), "{header}");
    }
    assert_eq!(elsewhere.fetches(), 0, "the token does not say where keys come from");
}

/// RFC 7519, section 4: names are unique, or it is the last that counts.
#[tokio::test]
async fn what_is_said_twice() {
    let world = World::new().await;
    let sign = |message: &[u8]| world.ec.sign(message);
    let (good, header) = (world.good().to_string(), json!({"alg": "ES256", "kid": "ec"}).to_string());
    for twice in [r#"{"alg":"none","alg":"ES256","kid":"ec"}"#, r#"{"alg":"ES256","kid":"rsa","kid":"ec"}"#] {
        assert_eq!(world.outcome(&token_of(twice, &good, sign)).await, Err(Refusal::Malformed), "{twice}");
    }
    let twice = good.replacen('{', r#"{"sub":"mallory","aud":"nobody","#, 1);
    let token = token_of(&header, &twice, sign);
    assert_eq!(world.verify(&token).await.unwrap().subject(), "alice");
    assert_eq!(UnverifiedClaims::read(&token).unwrap().sub(), Some("alice"), "one reading before and after");
    let twice = good.replacen('}', r#","exp":1}"#, 1);
    assert_eq!(world.outcome(&token_of(&header, &twice, sign)).await, Err(Refusal::Expired));
}

#[tokio::test]
async fn tokens_without_a_signature_or_signed_with_the_public_key() {
    let world = World::new().await;
    let none = token_with(&json!({"alg": "none"}), &world.good(), |_| vec![]);
    assert_eq!(world.outcome(&none).await, Err(Refusal::Algorithm));
    let unsigned = token_with(&json!({"alg": "ES256", "kid": "ec"}), &world.good(), |_| vec![]);
    assert_eq!(world.outcome(&unsigned).await, Err(Refusal::Signature));
    let zeros = token_with(&json!({"alg": "ES256", "kid": "ec"}), &world.good(), |_| vec![0; 64]);
    assert_eq!(world.outcome(&zeros).await, Err(Refusal::Signature));

    let public = world.rsa.jwk("rsa").get("n").unwrap().as_str().unwrap().to_owned();
    for secret in [public.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(&public).unwrap()] {
        let sign = |message: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            hmac::sign(&key, message).as_ref().to_vec()
        };
        let token = token_with(&json!({"alg": "HS256", "kid": "rsa"}), &world.good(), sign);
        assert_eq!(world.outcome(&token).await, Err(Refusal::Algorithm));
        let token = token_with(&json!({"alg": "RS256", "kid": "rsa"}), &world.good(), sign);
        assert_eq!(world.outcome(&token).await, Err(Refusal::Signature));
    }
}

#[tokio::test]
async fn tampered_and_malformed_tokens() {
    let world = World::new().await;
    let token = world.ec.token("ec", &world.good());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { panic!("three parts") };
    let other = b64(world.claims(&json!({"sub": "mallory"})).to_string());
    let other_header = b64(json!({"alg": "ES256", "kid": "ec", "typ": "at+jwt"}).to_string());
    let cases = [
        (format!("{header}.{other}.{signature}"), Refusal::Signature),
        (format!("{other_header}.{claims}.{signature}"), Refusal::Signature),
        (format!("{header}.{claims}.{signature}A"), Refusal::Signature),
        (format!("{header}.{claims}."), Refusal::Signature),
        (format!("{header}.{claims}"), Refusal::Malformed),
        (format!("{header}.{claims}.{signature}."), Refusal::Signature),
        (format!("{header}=.{claims}.{signature}"), Refusal::Malformed),
        (format!(" {token}"), Refusal::Malformed),
        (format!(".{claims}.{signature}"), Refusal::Malformed),
        (String::new(), Refusal::Malformed),
        ("..".to_owned(), Refusal::Malformed),
        ("a.b.c.d.e".to_owned(), Refusal::Malformed),
        ("\u{e9}.\u{e9}.\u{e9}".to_owned(), Refusal::Malformed),
    ];
    for (token, expected) in cases {
        assert_eq!(world.outcome(&token).await, Err(expected), "{token}");
    }
    let no_object = world.ec.token_with(&json!({"alg": "ES256", "kid": "ec"}), &json!([1]));
    assert_eq!(world.outcome(&no_object).await, Err(Refusal::Malformed));
}

#[tokio::test]
async fn the_longest_token_is_16_kib() {
    let world = World::new().await;
    let at = |padding: usize| world.ec.token("ec", &world.claims(&json!({"padding": "x".repeat(padding)})));
    let short = at(0).len();
    let mut padding = (MAX_TOKEN_BYTES - short) * 3 / 4;
    while at(padding).len() > MAX_TOKEN_BYTES {
        padding -= 1;
    }
    while at(padding + 1).len() <= MAX_TOKEN_BYTES {
        padding += 1;
    }
    assert_eq!(world.outcome(&at(padding)).await, Ok(()));
    assert_eq!(world.outcome(&at(padding + 1)).await, Err(Refusal::TooLong));
    assert!(UnverifiedClaims::read(&at(padding + 1)).is_err());
}

#[tokio::test]
async fn claims() {
    let world = World::new().await;
    let issuer = world.issuer.url.clone();
    let cases = [
        (json!({"iss": null}), Err(Refusal::Issuer)),
        (json!({"iss": [issuer]}), Err(Refusal::Issuer)),
        (json!({"iss": format!("{issuer}/")}), Err(Refusal::Issuer)),
        (json!({"iss": issuer.to_uppercase()}), Err(Refusal::Issuer)),
        (json!({"aud": "other"}), Ok(())),
        (json!({"aud": ["nobody", OURS]}), Ok(())),
        (json!({"aud": null}), Err(Refusal::Audience)),
        (json!({"aud": []}), Err(Refusal::Audience)),
        (json!({"aud": ["nobody"]}), Err(Refusal::Audience)),
        (json!({"aud": "Stint"}), Err(Refusal::Audience)),
        (json!({"aud": [OURS, 1]}), Err(Refusal::Audience)),
        (json!({"aud": {"stint": true}}), Err(Refusal::Audience)),
        (json!({"exp": NOW + 1}), Ok(())),
        (json!({"exp": NOW}), Ok(())),
        (json!({"exp": NOW - 59}), Ok(())),
        (json!({"exp": NOW as f64 - 58.5}), Ok(())),
        (json!({"exp": NOW - 60}), Err(Refusal::Expired)),
        (json!({"exp": NOW - 61}), Err(Refusal::Expired)),
        (json!({"exp": -1}), Err(Refusal::Expired)),
        (json!({"exp": i64::MAX}), Ok(())),
        (json!({"exp": 1e300}), Ok(())),
        (json!({"exp": null}), Err(Refusal::Expired)),
        (json!({"exp": (NOW + 300).to_string()}), Err(Refusal::Expired)),
        (json!({"nbf": null, "iat": null}), Ok(())),
        (json!({"nbf": NOW + 60}), Ok(())),
        (json!({"nbf": NOW + 61}), Err(Refusal::NotYetValid)),
        (json!({"nbf": "now"}), Err(Refusal::NotYetValid)),
        (json!({"iat": NOW + 60}), Ok(())),
        (json!({"iat": NOW + 61}), Err(Refusal::NotYetValid)),
        (json!({"sub": null}), Err(Refusal::Subject)),
        (json!({"sub": ""}), Err(Refusal::Subject)),
        (json!({"sub": 7}), Err(Refusal::Subject)),
        (json!({"sub": "a b"}), Ok(())),
        (json!({"sub": "CN=Alice Doe, OU=People"}), Ok(())),
        (json!({"sub": " a"}), Err(Refusal::Subject)),
        (json!({"sub": "a "}), Err(Refusal::Subject)),
        (json!({"sub": "a  b"}), Err(Refusal::Subject)),
        (json!({"sub": " "}), Err(Refusal::Subject)),
        (json!({"sub": "a\tb"}), Err(Refusal::Subject)),
        (json!({"sub": "a\u{a0}b"}), Err(Refusal::Subject)),
        (json!({"sub": "a\u{200b}b"}), Err(Refusal::Subject)),
        (json!({"sub": "a\u{7f}"}), Err(Refusal::Subject)),
        (json!({"sub": "alice\n"}), Err(Refusal::Subject)),
        (json!({"sub": "al\u{456}ce"}), Err(Refusal::Subject)),
        (json!({"sub": "a".repeat(255)}), Ok(())),
        (json!({"sub": "a".repeat(256)}), Err(Refusal::Subject)),
        (json!({"sub": "auth0|5f7c8ec7c33c6c004bbafe82"}), Ok(())),
    ];
    for (changes, expected) in cases {
        let token = world.ec.token("ec", &world.claims(&changes));
        assert_eq!(world.outcome(&token).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn nobody_is_the_audience_where_none_is_configured() {
    let world = World::new().await;
    let trust = OidcTrust { audiences: vec![], ..world.trust() };
    let token = world.ec.token("ec", &world.good());
    let outcome = Verifier::verify(&token, &trust, world.clock.now(), &world.cache).await;
    assert!(matches!(outcome, Err(TokenError::Unauthenticated(Refusal::Audience))));
}

#[tokio::test]
async fn groups_by_name_and_by_path() {
    let world = World::new().await;
    let cases = [
        ("groups", json!({}), Ok(Some(vec!["engineering"]))),
        ("groups", json!({"groups": "sre"}), Ok(Some(vec!["sre"]))),
        ("groups", json!({"groups": []}), Ok(Some(vec![]))),
        ("groups", json!({"groups": ["a", "", "b"]}), Ok(Some(vec!["a", "b"]))),
        ("groups", json!({"groups": null}), Ok(None)),
        ("groups", json!({"groups": [1]}), Err(())),
        ("groups", json!({"groups": {"a": true}}), Err(())),
        ("groups", json!({"groups": null, "_claim_names": {"groups": "src1"}}), Ok(None)),
        ("realm_access.roles", json!({"realm_access": {"roles": ["sre"]}}), Ok(Some(vec!["sre"]))),
        ("realm_access.roles", json!({"realm_access": "x"}), Ok(None)),
        ("a.b.c", json!({"a": {"b": {"c": ["d"]}}}), Ok(Some(vec!["d"]))),
        ("https://example.com/groups", json!({"https://example.com/groups": ["sre"]}), Ok(Some(vec!["sre"]))),
        ("cognito:groups", json!({"cognito:groups": ["sre"]}), Ok(Some(vec!["sre"]))),
    ];
    for (claim, changes, expected) in cases {
        let trust = world.trust_with(|oidc| oidc.groups_claim = claim.to_owned());
        let token = world.ec.token("ec", &world.claims(&changes));
        match (Verifier::verify(&token, &trust, world.clock.now(), &world.cache).await, expected) {
            (Ok(claims), Ok(expected)) => {
                let expected: Option<Vec<String>> =
                    expected.map(|groups: Vec<&str>| groups.into_iter().map(str::to_owned).collect());
                assert_eq!(claims.groups(), expected.as_deref(), "{claim} {changes}");
            }
            (Err(TokenError::Unauthenticated(Refusal::Groups)), Err(())) => {}
            (outcome, expected) => panic!("{claim} {changes}: {outcome:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn an_email_address_is_one_only_if_it_is_verified() {
    let world = World::new().await;
    let address = Some("alice@example.com");
    // Without trust, and with it: the domain is one of the tenant's own.
    let cases = [
        (json!({}), address, address),
        (json!({"email_verified": "true"}), address, address),
        (json!({"email_verified": null}), None, address),
        (json!({"email_verified": false}), None, None),
        (json!({"email_verified": "false"}), None, None),
        (json!({"email_verified": {}}), None, None),
        (json!({"email_verified": null, "xms_edov": true}), address, address),
        (json!({"email_verified": null, "xms_edov": "1"}), address, address),
        (json!({"email_verified": null, "xms_edov": 1}), address, address),
        (json!({"email_verified": null, "xms_edov": false}), None, None),
        (json!({"xms_edov": "0"}), None, None),
        (json!({"email": "a@elsewhere.example", "email_verified": null}), None, None),
        (json!({"email": "a@sub.example.com", "email_verified": null}), None, None),
        (json!({"email": "a@EXAMPLE.com", "email_verified": null}), None, Some("a@example.com")),
        (json!({"email": 1}), None, None),
        (json!({"email": ""}), None, None),
        (json!({"email": "example.com"}), None, None),
        (json!({"email": "@example.com"}), None, None),
        (json!({"email": "a@b@example.com"}), None, None),
        (json!({"email": "a b@example.com"}), None, None),
        (json!({"email": "a\nb@example.com"}), None, None),
        (json!({"email": "\u{212a}im@example.com"}), None, None),
        (json!({"email": "bob\u{200b}@example.com"}), None, None),
        (json!({"email": format!("{}@example.com", "a".repeat(320))}), None, None),
    ];
    for (changes, untrusted, trusted) in cases {
        for (trust_email, expected) in [(false, untrusted), (true, trusted)] {
            let trust = world.trust_with(|oidc| oidc.trust_email = trust_email);
            let token = world.ec.token("ec", &world.claims(&changes));
            let claims = Verifier::verify(&token, &trust, world.clock.now(), &world.cache).await.unwrap();
            assert_eq!(claims.email(), expected, "{changes}, trusted: {trust_email}");
        }
    }
    // What is said of the claim `email` is said of no other.
    for (trust_email, expected) in [(false, None), (true, Some("a@example.com"))] {
        let trust = world.trust_with(|oidc| {
            oidc.email_claim = "profile.mail".to_owned();
            oidc.trust_email = trust_email;
        });
        let token = world.ec.token("ec", &world.claims(&json!({"profile": {"mail": "a@example.com"}})));
        let claims = Verifier::verify(&token, &trust, world.clock.now(), &world.cache).await.unwrap();
        let principal = claims.into_principal(Vec::new());
        assert_eq!((principal.who.to_string().as_str(), principal.email.as_deref()), ("user:alice", expected));
    }
}

#[tokio::test]
async fn more_than_one_factor() {
    let world = World::new().await;
    let methods = [
        (json!({"amr": ["pwd"]}), false),
        (json!({"amr": ["pwd", "mfa"]}), true),
        (json!({"amr": ["otp"]}), false),
        (json!({"amr": ["hwk", "user"]}), false),
        (json!({"amr": ["pwd", "sms"]}), true),
        (json!({"amr": "mfa"}), true),
        (json!({"amr": []}), false),
        (json!({"amr": ["pwd", "otp", 1]}), false),
        (json!({"amr": {"mfa": true}}), false),
        (json!({"acr": "urn:two-factors"}), true),
        (json!({"acr": "urn:two-factors/"}), false),
        (json!({"acr": ["urn:two-factors"]}), false),
        (json!({"acr": ""}), false),
    ];
    let trust = world.trust_with(|oidc| oidc.mfa_acr_values = vec!["urn:two-factors".to_owned()]);
    for (changes, mfa) in methods {
        let token = world.ec.token("ec", &world.claims(&changes));
        let claims = Verifier::verify(&token, &trust, world.clock.now(), &world.cache).await.unwrap();
        assert_eq!(claims.mfa(), mfa, "{changes}");
    }
}

#[tokio::test]
async fn names_are_shown_without_what_is_not_seen() {
    let world = World::new().await;
    let names = [
        ("Alice \u{202e}ecila", Some("Alice ecila")),
        ("\u{200b}", None),
        (" Bo\u{200d}b ", Some("Bob")),
        ("a\nb", None),
    ];
    for (name, shown) in names {
        assert_eq!(world.claimed(&json!({"name": name})).await.unwrap().name(), shown, "{name:?}");
    }
}

/// Amazon Cognito's access tokens have `client_id` where others have `aud`.
#[tokio::test]
async fn an_access_token_without_an_audience_is_matched_by_its_client_if_the_tenant_says_so() {
    let world = World::new().await;
    let access = json!({"aud": null, "token_use": "access", "client_id": OURS});
    let cases = [
        (true, access.clone(), true),
        (false, access, false),
        (true, json!({"aud": null, "token_use": "access", "client_id": "another"}), false),
        (true, json!({"aud": null, "token_use": "access", "client_id": [OURS]}), false),
        (true, json!({"aud": null, "token_use": "id", "client_id": OURS}), false),
        (true, json!({"aud": null, "client_id": OURS}), false),
        (true, json!({"aud": "another", "token_use": "access", "client_id": OURS}), false),
        (true, json!({"aud": [], "token_use": "access", "client_id": OURS}), false),
    ];
    for (says_so, changes, good) in cases {
        let trust = world.trust_with(|oidc| oidc.client_id_as_audience = says_so);
        let token = world.ec.token("ec", &world.claims(&changes));
        let outcome = Verifier::verify(&token, &trust, world.clock.now(), &world.cache).await;
        assert_eq!(outcome.is_ok(), good, "{changes}");
        assert_eq!(UnverifiedClaims::read(&token).unwrap().is_for(&trust.oidc), good, "{changes}");
    }
}
