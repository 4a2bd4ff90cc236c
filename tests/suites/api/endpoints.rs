//! Each operation of the document against each thing that can be wrong with a call.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::auth::ApiScope;
use stint_tests::contract::Operation;
use stint_tests::{Answer, As, World};

const MAX_BODY_BYTES: usize = 256 * 1024;

/// Holds that an operation refuses.
#[track_caller]
fn refuses(operation: &Operation, answer: Answer, status: u16, code: &str) -> Value {
    let Operation { id, method, path, .. } = operation;
    let said = (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default());
    assert_eq!(said, (status, code), "{id}, {method} {path}: {}", answer.body);
    answer.body
}

/// The body without what differs from call to call.
fn anonymous(mut body: Value) -> Value {
    body["details"].as_object_mut().unwrap().remove("request_id");
    body
}

#[test]
fn the_table_is_not_empty() {
    assert!(Operation::authenticated().count() >= 30);
    assert!(Operation::with_body().count() >= 15);
}

#[tokio::test]
async fn who_is_not_known_gets_one_and_the_same_answer() {
    let world = World::start().await;
    let now = world.now();
    let known = world.key().to_owned();
    let unknown = world.api_key_with(|key| key.hash = "0".repeat(64)).await;
    let revoked = world.api_key_with(|key| key.revoked_at = Some(now)).await;
    let expired = world.api_key_with(|key| key.expires_at = Some(now)).await;
    let token = world.token("alice");
    let expired_token = world.token_with("alice", |claims| claims["exp"] = (now.as_second() - 61).into());
    let nobody: [(&str, As<'_>); 10] = [
        ("no credential", As::Nobody),
        ("an unknown key", As::ApiKey(&unknown)),
        ("a revoked key", As::ApiKey(&revoked)),
        ("an expired key", As::ApiKey(&expired)),
        ("half a key", As::ApiKey(known.get(..40).unwrap())),
        ("no key at all", As::ApiKey("garbage")),
        ("an empty key", As::ApiKey("")),
        ("an expired token", As::Token(&expired_token)),
        ("half a token", As::Token(token.get(..80).unwrap())),
        ("no token at all", As::Token("garbage")),
    ];
    let mut first = None;
    for operation in Operation::authenticated() {
        for (name, who) in &nobody {
            let answer = operation.call(&world, who.clone()).send().await;
            let body = anonymous(refuses(operation, answer, 401, "unauthenticated"));
            assert_eq!(&body, first.get_or_insert_with(|| body.clone()), "{}: {name}", operation.id);
        }
    }
}

#[tokio::test]
async fn who_is_not_known_does_not_learn_what_else_is_wrong() {
    let world = World::start().await;
    for operation in Operation::authenticated() {
        let call = world.call(As::Nobody, operation.method.clone(), operation.uri("id", "nonsense"));
        let call = call.without("x-tenant-id").header("content-type", "text/plain").bytes("{".repeat(MAX_BODY_BYTES));
        refuses(operation, call.send().await, 401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_credential_of_another_tenant_is_no_good_here() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    let token = world.token_with("alice", |claims| claims["aud"] = other.audience.clone().into());
    for operation in Operation::authenticated() {
        for who in [As::ApiKey(&other.key), As::Token(&token)] {
            refuses(operation, operation.call(&world, who).send().await, 403, "tenant_mismatch");
        }
        for who in [As::Key, As::Person("alice")] {
            let call = operation.call(&world, who).header("x-tenant-id", other.id.to_string());
            refuses(operation, call.send().await, 403, "tenant_mismatch");
        }
    }
}

#[tokio::test]
async fn the_tenant_is_named_by_a_uuid() {
    let world = World::start().await;
    for operation in Operation::authenticated() {
        let unnamed = operation.call(&world, As::Key).without("x-tenant-id");
        let misnamed =
            ["", "example", "019a3f5e"].map(|name| operation.call(&world, As::Key).header("x-tenant-id", name));
        for call in std::iter::once(unnamed).chain(misnamed) {
            let body = refuses(operation, call.send().await, 400, "invalid_input");
            assert_eq!(body["details"]["field"], "X-Tenant-ID", "{}", operation.id);
        }
    }
}

#[tokio::test]
async fn a_key_is_good_for_its_scopes_only() {
    let world = World::start().await;
    for operation in Operation::authenticated() {
        let required = operation.scope.unwrap();
        let others: Vec<ApiScope> = ApiScope::ALL.iter().copied().filter(|scope| *scope != required).collect();
        let (without, with) = (world.api_key(&others).await, world.api_key(&[required]).await);
        let answer = operation.call(&world, As::ApiKey(&without)).send().await;
        let body = refuses(operation, answer, 403, "insufficient_scope");
        assert_eq!(body["details"]["required"], required.as_str(), "{}", operation.id);
        let answer = operation.call(&world, As::ApiKey(&with)).send().await;
        assert_ne!(answer.body["code"], "insufficient_scope", "{}: {}", operation.id, answer.body);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    for operation in Operation::authenticated().filter(|operation| !operation.path_parameters().is_empty()) {
        refuses(operation, operation.call(&world, As::Key).send().await, 404, "not_found");
        let there = operation.call(&world, As::ApiKey(&other.key)).header("x-tenant-id", other.id.to_string());
        refuses(operation, there.send().await, 404, "not_found");
    }
}

#[tokio::test]
async fn an_id_in_a_path_is_a_uuid() {
    let world = World::start().await;
    for operation in Operation::authenticated() {
        for name in operation.path_parameters() {
            for value in ["nonsense", "019a3f5e", "%20", "..%2f..", "%00", "%ff"] {
                let mut call = world.call(As::Key, operation.method.clone(), operation.uri(name, value));
                if let Some(example) = &operation.example {
                    call = call.json(example);
                }
                let body = refuses(operation, call.send().await, 400, "invalid_input");
                assert_eq!(body["details"]["field"], name, "{}: {body}", operation.id);
            }
        }
    }
}

#[tokio::test]
async fn a_body_is_one_json_value_of_known_fields() {
    let world = World::start().await;
    for operation in Operation::with_body() {
        let example = operation.example.clone().unwrap();
        for text in ["{", "[]", "7", "\"\"", "nonsense", &format!("{example}{example}"), "\u{feff}{}"] {
            let answer = operation.call(&world, As::Key).bytes(text).send().await;
            refuses(operation, answer, 400, "invalid_input");
        }
        let answer = operation.call(&world, As::Key).bytes(vec![0xff, 0xfe]).send().await;
        refuses(operation, answer, 400, "invalid_input");

        let mut more = example;
        more["surprise"] = json!(1);
        let body = refuses(operation, operation.call(&world, As::Key).json(&more).send().await, 400, "invalid_input");
        assert_eq!(body["details"]["field"], "surprise", "{}: {body}", operation.id);
    }
}

#[tokio::test]
async fn no_body_is_a_body_where_none_is_needed() {
    let world = World::start().await;
    for operation in Operation::with_body() {
        let answer = world.call(As::Key, operation.method.clone(), operation.uri("", "")).send().await;
        assert_eq!(answer.body["code"] == "invalid_input", !operation.body_is_optional, "{}", operation.id);
    }
}

#[tokio::test]
async fn a_field_of_another_type_is_named() {
    let world = World::start().await;
    for operation in Operation::with_body() {
        let example = operation.example.clone().unwrap();
        for field in example.as_object().unwrap().keys() {
            let mut wrong = example.clone();
            // No field is a list of lists.
            wrong[field] = json!([[]]);
            let answer = operation.call(&world, As::Key).json(&wrong).send().await;
            let body = refuses(operation, answer, 400, "invalid_input");
            let said = body["details"]["field"].as_str().unwrap();
            assert!(said == field || said.starts_with(&format!("{field}[")), "{}: {field}: {body}", operation.id);
        }
    }
}

#[tokio::test]
async fn a_body_is_of_type_json() {
    let world = World::start().await;
    for operation in Operation::with_body() {
        for media in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            let answer = operation.call(&world, As::Key).header("content-type", media).send().await;
            refuses(operation, answer, 415, "unsupported_media_type");
        }
        let call = operation.call(&world, As::Key).header("content-type", "Application/JSON; charset=utf-8");
        assert_ne!(call.send().await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", operation.id);
    }
}

#[tokio::test]
async fn a_body_has_256_kib_and_not_a_byte_more() {
    let world = World::start().await;
    for operation in Operation::with_body() {
        let mut text = operation.example.clone().unwrap().to_string();
        text.push_str(&" ".repeat(MAX_BODY_BYTES - text.len()));
        let answer = operation.call(&world, As::Key).bytes(text.clone()).send().await;
        assert_ne!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", operation.id);
        text.push(' ');
        let body =
            refuses(operation, operation.call(&world, As::Key).bytes(text).send().await, 413, "payload_too_large");
        assert_eq!(body["details"]["max_bytes"], MAX_BODY_BYTES, "{}", operation.id);
    }
}

#[tokio::test]
async fn an_idempotency_key_is_of_use() {
    let world = World::start().await;
    for operation in Operation::authenticated() {
        if operation.method != Method::POST {
            continue;
        }
        for key in [String::new(), "k".repeat(256), "a\tb".to_owned()] {
            let answer = operation.call(&world, As::Key).header("idempotency-key", key).send().await;
            let body = refuses(operation, answer, 400, "invalid_input");
            assert_eq!(body["details"]["field"], "Idempotency-Key", "{}", operation.id);
        }
    }
}

#[tokio::test]
async fn anybody_may_ask_how_the_service_is_and_what_it_does() {
    let world = World::start().await;
    let open: Vec<_> = Operation::all().iter().filter(|operation| operation.scope.is_none()).collect();
    let names: Vec<&str> = open.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(names, ["getHealth", "getOpenApi"]);
    for operation in &open {
        let answer = operation.call(&world, As::Nobody).without("x-tenant-id").send().await;
        answer.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn there_is_nothing_else() {
    let world = World::start().await;
    for path in ["/", "/v1", "/v1/nonsense", "/v2/requests", "/v1/requests/"] {
        world.get(As::Key, path).await.refused(404, "not_found");
    }
    for (method, path) in [(Method::DELETE, "/v1/requests"), (Method::PUT, "/v1/policies"), (Method::POST, "/healthz")]
    {
        world.call(As::Key, method, path).send().await.refused(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn every_call_has_an_id_of_its_own_whatever_the_caller_calls_it() {
    let world = World::start().await;
    let ask = || world.call(As::Key, Method::GET, "/v1/requests").header("x-request-id", "mine").send();
    let (first, second) = (ask().await, ask().await);
    assert_ne!(first.headers["x-request-id"], "mine");
    assert_ne!(first.headers["x-request-id"], second.headers["x-request-id"]);
}
