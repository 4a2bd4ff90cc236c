//! How a token finds its key, and what a refusal says.

use super::*;

#[tokio::test]
async fn a_rotated_key_is_fetched_once_and_then_again_after_the_cool_down() {
    let world = World::new().await;
    let token = |key: &TestKey, kid| key.token(kid, &world.claims(&json!({"exp": NOW + 7200})));
    assert_eq!(world.outcome(&token(&world.ec, "ec")).await, Ok(()));

    let (second, third) = (TestKey::ec(), TestKey::ec());
    world.issuer.publish(Answer::Keys(vec![second.jwk("second")]));
    assert_eq!(world.outcome(&token(&second, "second")).await, Ok(()));
    assert_eq!(world.issuer.fetches(), 2);
    assert_eq!(world.outcome(&token(&world.ec, "ec")).await, Err(Refusal::UnknownKey), "withdrawn");

    world.issuer.publish(Answer::Keys(vec![third.jwk("third")]));
    assert_eq!(world.outcome(&token(&third, "third")).await, Err(Refusal::UnknownKey), "in the cool-down");
    assert_eq!(world.issuer.fetches(), 2);
    world.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(world.outcome(&token(&third, "third")).await, Ok(()));
    assert_eq!(world.issuer.fetches(), 3);
}

#[tokio::test]
async fn a_token_that_names_no_key_needs_exactly_one_of_its_algorithm() {
    let world = World::new().await;
    let token = world.ec.token_with(&json!({"alg": "ES256"}), &world.good());
    assert_eq!(world.outcome(&token).await, Ok(()));
    world.issuer.publish(Answer::Keys(vec![world.ec.jwk("ec"), TestKey::ec().jwk("next")]));
    world.clock.advance(std::time::Duration::from_secs(3600));
    let later = world.claims(&json!({"exp": NOW + 7200}));
    let token = world.ec.token_with(&json!({"alg": "ES256"}), &later);
    assert_eq!(world.outcome(&token).await, Err(Refusal::AmbiguousKey));
    assert_eq!(world.outcome(&world.ec.token("ec", &later)).await, Ok(()));
}

#[tokio::test]
async fn an_issuer_that_is_down_is_no_bad_token() {
    let world = World::new().await;
    world.issuer.publish(Answer::Failure);
    let outcome = world.verify(&world.ec.token("ec", &world.good())).await;
    assert!(matches!(outcome, Err(TokenError::Unavailable(JwksError::Status(500)))));
    assert_eq!(world.outcome("x").await, Err(Refusal::Malformed), "a bad token is one all the same");
}

#[tokio::test]
async fn errors_say_the_same_to_callers_and_quote_nothing() {
    let world = World::new().await;
    let claims = world.claims(&json!({"sub": " secret subject"}));
    let error = world.verify(&world.ec.token("ec", &claims)).await.unwrap_err();
    assert_eq!(error.to_string(), "the token is not valid");
    assert!(!format!("{error:?}").contains("secret"));
}

#[test]
fn unverified_claims_are_read_leniently() {
    let token = |claims: Value| token_with(&json!({"alg": "none"}), &claims, |_| vec![]);
    let claims = UnverifiedClaims::read(&token(json!({"iss": "i", "aud": "a", "sub": "s"}))).unwrap();
    assert_eq!((claims.iss(), claims.aud(), claims.sub()), (Some("i"), ["a".to_owned()].as_slice(), Some("s")));
    let claims = UnverifiedClaims::read(&token(json!({"iss": 1, "aud": [1]}))).unwrap();
    assert_eq!((claims.iss(), claims.aud(), claims.sub()), (None, [].as_slice(), None));
    assert!(UnverifiedClaims::read("x.y").is_err());
}
