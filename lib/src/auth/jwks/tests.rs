#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::*;
use crate::auth::testing::{Answer, TestIssuer, TestKey};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

struct World {
    clock: Clock,
    cache: JwksCache,
    issuer: TestIssuer,
    key: TestKey,
}

impl World {
    /// An issuer with one key, `first`.
    async fn new() -> Self {
        let (clock, key) = (Clock::manual(Timestamp::UNIX_EPOCH), TestKey::ec());
        let issuer = TestIssuer::start(vec![key.jwk("first")]).await;
        Self { cache: JwksCache::new(clock.clone()), clock, issuer, key }
    }

    async fn keys(&self) -> Result<Arc<KeySet>, JwksError> {
        self.cache.keys(&self.issuer.url).await
    }

    async fn knows(&self, kid: &str) -> bool {
        let keys = self.keys().await.unwrap();
        if keys.find(Some(kid), Algorithm::ES256).is_ok() {
            return true;
        }
        let newer = self.cache.keys_newer_than(&keys, &self.issuer.url, |_| false).await;
        newer.find(Some(kid), Algorithm::ES256).is_ok()
    }
}

#[tokio::test]
async fn keys_are_fetched_once_an_hour() {
    let world = World::new().await;
    for (advance, fetches) in [(Duration::ZERO, 1), (HOUR - MINUTE, 1), (MINUTE, 2), (Duration::ZERO, 2)] {
        world.clock.advance(advance);
        world.keys().await.unwrap();
        assert_eq!(world.issuer.fetches(), fetches);
    }
}

#[tokio::test]
async fn callers_who_come_together_share_one_fetch() {
    let world = World::new().await;
    let results = futures_util::future::join_all((0..20).map(|_| world.keys())).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(world.issuer.fetches(), 1);

    world.issuer.publish(Answer::Keys(vec![world.key.jwk("second")]));
    let known = futures_util::future::join_all((0..20).map(|_| world.knows("second"))).await;
    assert!(known.iter().all(|known| *known));
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_a_minute() {
    let world = World::new().await;
    assert!(world.knows("first").await);
    assert_eq!(world.issuer.fetches(), 1);
    for _ in 0..3 {
        assert!(!world.knows("second").await);
        assert_eq!(world.issuer.fetches(), 2);
    }

    world.issuer.publish(Answer::Keys(vec![world.key.jwk("second")]));
    world.clock.advance(MINUTE - Duration::from_secs(1));
    assert!(!world.knows("second").await, "the cool-down lasts");
    world.clock.advance(Duration::from_secs(1));
    assert!(world.knows("second").await);
    assert!(!world.knows("first").await, "a withdrawn key is gone");
    assert_eq!(world.issuer.fetches(), 3);
}

#[tokio::test]
async fn old_keys_go_on_for_a_day_while_the_issuer_is_down() {
    let world = World::new().await;
    world.keys().await.unwrap();
    world.issuer.publish(Answer::Failure);

    world.clock.advance(HOUR);
    for _ in 0..3 {
        world.keys().await.unwrap();
    }
    assert_eq!(world.issuer.fetches(), 2, "a failure starts a pause");
    assert!(!world.knows("second").await);
    assert_eq!(world.issuer.fetches(), 2, "for unknown keys too");

    world.clock.advance(HOUR * 23 - Duration::from_secs(1));
    world.keys().await.unwrap();
    world.clock.advance(MINUTE);
    assert!(matches!(world.keys().await, Err(JwksError::Status(500))));
    assert!(matches!(world.keys().await, Err(JwksError::BackingOff)));

    world.issuer.publish(Answer::Keys(vec![world.key.jwk("first")]));
    world.clock.advance(RETRY);
    assert!(world.knows("first").await);
}

#[tokio::test]
async fn nobody_waits_for_a_fetch_who_has_keys() {
    let world = World::new().await;
    world.keys().await.unwrap();
    world.clock.advance(HOUR);
    let entry = world.cache.entry(&world.issuer.url);
    let _fetching = entry.fetching.lock().await;
    world.keys().await.unwrap();
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test]
async fn documents_that_are_not_what_they_should_be() {
    let world = World::new().await;
    let expect = async |answer: Answer| {
        world.clock.advance(RETRY);
        world.issuer.publish(answer);
        world.keys().await.err().unwrap()
    };
    assert!(matches!(expect(Answer::Failure).await, JwksError::Status(500)));
    assert!(matches!(expect(Answer::Redirect).await, JwksError::Status(302)));
    assert!(matches!(expect(Answer::Text("<html>".to_owned())).await, JwksError::Malformed(_)));
    assert!(matches!(expect(Answer::Text("{}".to_owned())).await, JwksError::Malformed(_)));
    let large = format!("{{\"keys\":[]{}}}", " ".repeat(256 * 1024));
    assert!(matches!(expect(Answer::Text(large)).await, JwksError::TooLarge));

    for (name, value) in
        [("issuer", json!("https://other.example.com")), ("issuer", json!(format!("{}/", world.issuer.url)))]
    {
        world.issuer.say(name, value);
        assert!(matches!(expect(Answer::Keys(vec![])).await, JwksError::OtherIssuer));
    }
    world.issuer.say("issuer", json!(world.issuer.url));
    world.issuer.say("jwks_uri", json!("http://idp.example.com/jwks"));
    assert!(matches!(expect(Answer::Keys(vec![])).await, JwksError::KeysUrl));
}

#[tokio::test]
async fn an_issuer_that_is_not_there() {
    let cache = JwksCache::new(Clock::manual(Timestamp::UNIX_EPOCH));
    // Port 1 of loopback: nothing listens there.
    assert!(matches!(cache.keys("http://127.0.0.1:1").await, Err(JwksError::Transport(_))));
    assert!(matches!(cache.keys("http://idp.example.com").await, Err(JwksError::IssuerUrl)));
}
