//! Input that is nested as deep as a body allows: it is refused, and nobody else notices.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{As, SANDBOX, World, ask};

fn around(open: &str, n: usize, core: &str, close: &str) -> String {
    format!("{}{core}{}", open.repeat(n), close.repeat(n))
}

/// Clauses beyond the bounds, as large as a body may be.
fn clauses() -> [String; 8] {
    [
        around("(", 65, "true", ")"),
        around("(", 100_000, "true", ")"),
        around("[", 100_000, "1", "]"),
        around("{a:", 50_000, "1", "}"),
        around("!(", 60_000, "true", ")"),
        format!("{}true", "if true then true else ".repeat(9_000)),
        format!("1{} == 1", " + 1".repeat(40_000)),
        format!("context{} == 1", ".a".repeat(80_000)),
    ]
}

#[tokio::test]
async fn nested_policies_are_refused_wherever_text_enters_and_the_others_go_on() {
    let world = World::start().await;
    let policy =
        json!({"name": "p", "max_duration_seconds": 60, "cedar_policy_set": "permit (principal, action, resource);"});
    let policy = world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
    let policy_path = format!("/v1/policies/{}", policy["id"].as_str().unwrap());
    let rule_path = format!("{policy_path}/rules/{}", policy["rules"][0]["id"].as_str().unwrap());
    for clause in clauses() {
        let conditions = format!("when {{ {clause} }}");
        let text = format!("permit (principal, action, resource)\n{conditions};");
        let named = |body: &Value| {
            let error = &body["details"]["errors"][0];
            assert!(error["line"].as_u64().unwrap() >= 2 && error["column"].as_u64().unwrap() > 8, "{body}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("64") || message.contains("512"), "{body}");
        };
        let create = json!({"name": "q", "max_duration_seconds": 60, "cedar_policy_set": text});
        named(&world.post(As::Key, "/v1/policies", create).await.refused(400, "invalid_policy"));
        let rules = format!("{policy_path}/rules");
        for body in [json!({"policy_text": text}), json!({"effect": "permit", "conditions": conditions})] {
            named(&world.post(As::Key, rules.clone(), body.clone()).await.refused(400, "invalid_policy"));
            let patch = world.call(As::Key, Method::PATCH, rule_path.clone()).json(&body);
            named(&patch.send().await.refused(400, "invalid_policy"));
        }
        let validated = json!({"cedar_policy_set": text});
        let report = world.post(As::Key, "/v1/policies/validate", validated).await.expect(StatusCode::OK);
        assert_eq!(report["errors"].as_array().unwrap().len(), 1, "{report}");
        let question =
            json!({"principal": clause, "resource": format!("aws_account:{SANDBOX}"), "action": "ReadOnlyAccess"});
        let answer = world.post(As::Key, "/v1/policies/evaluate", question).await;
        assert!(answer.status.as_u16() < 500, "{}", answer.body);
    }
    world.request("alice", SANDBOX, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn nested_json_is_refused_and_named() {
    let world = World::start().await;
    for n in [17, 33, 100, 127, 1_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = around(open, n.min(40_000), "1", close);
            let mut body = ask(SANDBOX, "ReadOnlyAccess", 60);
            body["metadata"] = json!("HERE");
            let body = body.to_string().replace("\"HERE\"", &format!("{{\"a\":{nested}}}"));
            let call = world.call(As::Person("alice"), Method::POST, "/v1/requests").bytes(body);
            let answer = call.send().await.refused(400, "invalid_input");
            if n < 120 {
                assert_eq!(answer["details"]["field"], "metadata", "{n}");
                assert!(answer["details"]["reason"].as_str().unwrap().contains("16"), "{answer}");
            }
            let question = format!(
                "{{\"principal\":\"alice\",\"resource\":\"aws_account:{SANDBOX}\",\"action\":\"ReadOnlyAccess\",\
                 \"context\":{{\"tickets\":{nested}}}}}"
            );
            let call = world.call(As::Key, Method::POST, "/v1/policies/evaluate").bytes(question);
            call.send().await.refused(400, "invalid_input");
        }
    }
    let mut policy = json!({"name": "p", "max_duration_seconds": 60, "ticket_pattern": around("(", 20_000, "a", ")")});
    policy["cedar_policy_set"] = json!("permit (principal, action, resource);");
    world.post(As::Key, "/v1/policies", policy).await.refused(400, "invalid_input");
}
