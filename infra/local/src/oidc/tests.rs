#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stint::auth::jwks::JwksCache;
use stint::auth::jwt::{OidcTrust, Refusal, TokenError, VerifiedClaims, Verifier};
use tower::ServiceExt;
use url::Url;

use super::*;

const VERIFIER: &str = "a-verifier-of-forty-three-characters-at-least";
const REDIRECT: &str = "http://127.0.0.1:49152/callback";

struct World {
    clock: Clock,
    issuer: DevIssuer,
    router: Router,
}

impl World {
    fn new() -> Self {
        Self::at("http://127.0.0.1:8080/dev/oidc")
    }

    fn at(url: &str) -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let user = |sub: &str, name: &str, groups: &[&str]| DevUser {
            sub: sub.to_owned(),
            email: format!("{sub}@example.com"),
            name: name.to_owned(),
            groups: groups.iter().map(ToString::to_string).collect(),
        };
        let users = vec![user("alice", "Alice", &["engineering"]), user("eve", "<b>\"Eve\"</b>", &[])];
        let issuer = DevIssuer::new(url, "stint", users, &SigningKeyStore::Memory, clock.clone()).unwrap();
        Self { clock, router: Router::new().nest("/dev/oidc", issuer.router()), issuer }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Option<String>, String) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let location = answer.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, location, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Option<String>, String) {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, Option<String>, String) {
        let body = query(form);
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Picks a user and returns the parameters the client gets back.
    async fn pick(&self, sub: &str) -> HashMap<String, String> {
        let (status, location, _) = self.post(&authorize(&[]), &[("sub", sub)]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        parameters(&location.unwrap())
    }

    async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> (StatusCode, Value) {
        let good = [
            ("code", code),
            ("grant_type", "authorization_code"),
            ("client_id", "stint"),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let (status, _, body) = self.post("/dev/oidc/token", &changed(&good, changes)).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn userinfo(&self, token: &str) -> (StatusCode, String) {
        let request = Request::get("/dev/oidc/userinfo").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let (status, _, body) = self.send(request.body(Body::empty()).unwrap()).await;
        (status, body)
    }
}

fn changed<'a>(good: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(change, _)| change == name));
    kept.chain(changes).filter(|(_, value)| !value.is_empty()).copied().collect()
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://localhost").unwrap();
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

fn parameters(location: &str) -> HashMap<String, String> {
    Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

/// The address of a good authorization request, with changes; an empty value takes a parameter away.
fn authorize(changes: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let good = [
        ("response_type", "code"),
        ("client_id", "stint"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid profile email"),
        ("state", "a&b=c d"),
        ("nonce", "n-1"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    format!("/dev/oidc/authorize?{}", query(&changed(&good, changes)))
}

#[tokio::test]
async fn the_code_flow() {
    let world = World::new();
    let (status, _, page) = world.get(&authorize(&[])).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("value=\"alice\"") && page.contains("<html lang=\"en\">"), "{page}");
    assert!(page.contains("&lt;b&gt;&quot;Eve&quot;&lt;/b&gt;") && !page.contains("<b>"), "{page}");

    let back = world.pick("alice").await;
    assert_eq!(back.get("state").unwrap(), "a&b=c d");
    let (status, tokens) = world.redeem(back.get("code").unwrap(), &[]).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(tokens.get("token_type").unwrap(), "Bearer");
    assert_eq!(tokens.get("expires_in").unwrap(), 3600);

    let token = |name: &str| tokens.get(name).unwrap().as_str().unwrap();
    let id_claims = world.issuer.0.key.verify(token("id_token")).unwrap();
    assert_eq!(id_claims.get("nonce").unwrap(), "n-1");
    let claims = world.issuer.0.key.verify(token("access_token")).unwrap();
    assert!(!claims.contains_key("nonce"));
    let expected = json!({"iss": "http://127.0.0.1:8080/dev/oidc", "aud": "stint", "sub": "alice", "name": "Alice",
        "email": "alice@example.com", "email_verified": true, "groups": ["engineering"], "amr": ["pwd"],
        "iat": 1_800_000_000, "exp": 1_800_003_600});
    assert_eq!(Value::Object(claims), expected);

    let (status, body) = world.userinfo(token("access_token")).await;
    assert_eq!(status, StatusCode::OK);
    let expected = json!({"sub": "alice", "name": "Alice", "email": "alice@example.com", "email_verified": true,
        "groups": ["engineering"]});
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
}

#[tokio::test]
async fn a_code_works_once_for_a_minute_and_with_its_verifier_only() {
    let world = World::new();
    let other = "x".repeat(43);
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[("grant_type", "refresh_token")], "unsupported_grant_type"),
        (&[("grant_type", "")], "unsupported_grant_type"),
        (&[("client_id", "other")], "invalid_client"),
        (&[("code", "")], "invalid_request"),
        (&[("code_verifier", "")], "invalid_request"),
        (&[("code", "guessed")], "invalid_grant"),
        (&[("code_verifier", &other)], "invalid_grant"),
        (&[("redirect_uri", "http://127.0.0.1:1/callback")], "invalid_grant"),
        (&[("redirect_uri", "")], "invalid_grant"),
    ];
    for (changes, error) in cases {
        let back = world.pick("alice").await;
        let (status, body) = world.redeem(back.get("code").unwrap(), changes).await;
        assert_eq!((status, body), (StatusCode::BAD_REQUEST, json!({"error": error})), "{changes:?}");
    }

    let redeem = async |code: &str| world.redeem(code, &[]).await.0;
    let back = world.pick("alice").await;
    let code = back.get("code").unwrap();
    assert_eq!(redeem(code).await, StatusCode::OK);
    assert_eq!(redeem(code).await, StatusCode::BAD_REQUEST, "used");

    for (seconds, expected) in [(59, StatusCode::OK), (60, StatusCode::BAD_REQUEST)] {
        let back = world.pick("alice").await;
        world.clock.advance(Duration::from_secs(seconds));
        assert_eq!(redeem(back.get("code").unwrap()).await, expected, "{seconds}");
    }

    let back = world.pick("alice").await;
    let code = back.get("code").unwrap();
    world.redeem(code, &[("code_verifier", &other)]).await;
    assert_eq!(redeem(code).await, StatusCode::BAD_REQUEST, "spent by the failed attempt");
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_here() {
    let world = World::new();
    let addresses = [
        ("http://127.0.0.1:1/callback", true),
        ("http://localhost:8400/x?y=1", true),
        ("http://[::1]:8400/", true),
        ("https://127.0.0.1:1/callback", false),
        ("http://example.com/callback", false),
        ("http://127.0.0.1.example.com/", false),
        ("http://localhost@example.com/", false),
        ("http://example.com\\@localhost/", false),
        ("http://user@localhost/", false),
        ("http://localhost/#x", false),
        ("javascript:alert(1)", false),
        ("/callback", false),
        ("", false),
    ];
    for (address, accepted) in addresses {
        let (status, location, _) = world.get(&authorize(&[("redirect_uri", address)])).await;
        let expected = if accepted { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!((status, location), (expected, None), "{address}");
        let (status, location, _) = world.post(&authorize(&[("redirect_uri", address)]), &[("sub", "alice")]).await;
        let expected = if accepted { StatusCode::SEE_OTHER } else { StatusCode::BAD_REQUEST };
        assert_eq!((status, location.is_some()), (expected, accepted), "{address}");
    }
    let (status, location, _) = world.get(&authorize(&[("client_id", "other")])).await;
    assert_eq!((status, location), (StatusCode::BAD_REQUEST, None));
}

#[tokio::test]
async fn other_mistakes_go_back_to_the_client() {
    let world = World::new();
    let cases = [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
    ];
    for (name, value, error) in cases {
        let (status, location, _) = world.get(&authorize(&[(name, value)])).await;
        let back = parameters(&location.unwrap());
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert_eq!((back.get("error").unwrap().as_str(), back.get("state").unwrap().as_str()), (error, "a&b=c d"));
        assert!(!back.contains_key("code"));
    }
    let back = world.pick("nobody").await;
    assert_eq!(back.get("error").unwrap(), "access_denied");
}

#[tokio::test]
async fn userinfo_needs_a_live_token_of_this_issuer() {
    let world = World::new();
    let expired = world.issuer.token("alice", None, None, -1).unwrap();
    let strange = World::new().issuer.token("alice", None, None, 60).unwrap();
    for token in ["", "x", &expired, &strange] {
        assert_eq!(world.userinfo(token).await.0, StatusCode::UNAUTHORIZED, "{token}");
    }
}

/// The API's own verifier, over the wire.
async fn verify(world: &World, cache: &JwksCache, token: &str) -> Result<VerifiedClaims, TokenError> {
    let trust = OidcTrust {
        issuer: world.issuer.issuer().to_owned(),
        audiences: vec!["stint".to_owned()],
        oidc: stint::domain::OidcConfig::new(world.issuer.issuer(), "stint"),
        verified_domains: Vec::new(),
    };
    Verifier::verify(token, &trust, world.clock.now(), cache).await
}

#[tokio::test]
async fn the_api_accepts_its_tokens() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::at(&format!("http://{}/dev/oidc", listener.local_addr().unwrap()));
    let router = world.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let cache = JwksCache::new(world.clock.clone());

    let token = world.issuer.token("alice", None, None, 300).unwrap();
    let claims = verify(&world, &cache, &token).await.unwrap();
    assert_eq!((claims.subject(), claims.email()), ("alice", Some("alice@example.com")));
    assert_eq!(claims.groups(), Some(["engineering".to_owned()].as_slice()));

    let groups = Some(vec!["sre".to_owned()]);
    let token = world.issuer.token("alice", groups, Some("a@example.com".to_owned()), 300).unwrap();
    let claims = verify(&world, &cache, &token).await.unwrap();
    assert_eq!((claims.email(), claims.groups()), (Some("a@example.com"), Some(["sre".to_owned()].as_slice())));

    let token = world.issuer.token("stranger", None, None, 300).unwrap();
    let claims = verify(&world, &cache, &token).await.unwrap();
    assert_eq!((claims.subject(), claims.email(), claims.groups()), ("stranger", None, Some([].as_slice())));

    let token = world.issuer.token("alice", None, None, -3600).unwrap();
    let error = verify(&world, &cache, &token).await.unwrap_err();
    assert!(matches!(error, TokenError::Unauthenticated(Refusal::Expired)));
}

#[test]
fn the_key_outlives_a_restart_and_is_its_owners_only() {
    let directory = std::env::temp_dir().join(format!("stint-oidc-{}", std::process::id()));
    let path = directory.join("data").join("oidc-key.der");
    let store = SigningKeyStore::File(path.clone());
    let first = store.open().unwrap();
    assert_eq!(store.open().unwrap().jwk(), first.jwk());
    assert_eq!(std::fs::read_dir(directory.join("data")).unwrap().count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::write(&path, b"damaged").unwrap();
    assert!(matches!(store.open(), Err(KeyError::Damaged(_))));
    std::fs::remove_dir_all(directory).unwrap();
}
