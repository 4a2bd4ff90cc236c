//! A rule that names what the directory does not know is stored, with a warning.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{As, SANDBOX, World};

const UNKNOWN: &str = "permit (principal, action, resource == AwsAccount::\"999999999999\");";

fn said(answer: &Value) -> Vec<&str> {
    answer["warnings"].as_array().unwrap().iter().map(|warning| warning["message"].as_str().unwrap()).collect()
}

async fn validate(world: &World, text: &str) -> Value {
    let body = json!({"cedar_policy_set": text});
    world.post(As::Key, "/v1/policies/validate", body).await.expect(StatusCode::OK)
}

#[tokio::test]
async fn units_accounts_and_permission_sets_nobody_knows_are_warned_about_at_their_place() {
    let world = World::start().await;
    let set = "arn:aws:sso:::permissionSet/ssoins-5717000000000001/ps-00000000000000aa";
    let text = format!(
        "permit (principal, action, resource == AwsAccount::\"{SANDBOX}\");\n\
         forbid (principal, action, resource in AwsOrganizationalUnit::\"ou-5717-00000000\");\n\
         permit (principal, action == Action::\"assume\", resource == AwsPermissionSet::\"{set}\");\n\
         forbid (principal in Group::\"nobody-yet\", action, resource)\n  when {{ resource == AwsAccount::\"999999999999\" }};"
    );
    let report = validate(&world, &text).await;
    assert_eq!(report["valid"], true, "{report}");
    let places: Vec<(i64, i64)> = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| (warning["line"].as_i64().unwrap(), warning["column"].as_i64().unwrap()))
        .collect();
    assert_eq!(places, [(2, 40), (3, 60), (5, 22)], "{report}");
    let expected = [
        "the directory knows no `aws_organizational_unit` `ou-5717-00000000`".to_owned(),
        format!("the directory knows no `aws_permission_set` `{set}`"),
        "the directory knows no `aws_account` `999999999999`".to_owned(),
    ];
    assert_eq!(said(&report), expected);
}

#[tokio::test]
async fn policies_and_rules_are_stored_with_the_warning_and_read_without() {
    let world = World::start().await;
    let warning = ["the directory knows no `aws_account` `999999999999`"];
    let body = json!({"name": "p", "max_duration_seconds": 60, "cedar_policy_set": UNKNOWN});
    let policy = world.post(As::Key, "/v1/policies", body.clone()).await.expect(StatusCode::CREATED);
    assert_eq!(said(&policy), warning);
    let path = format!("/v1/policies/{}", policy["id"].as_str().unwrap());
    let read = world.get(As::Key, path.clone()).await.expect(StatusCode::OK);
    assert!(read.get("warnings").is_none() && read["rules"][0]["policy_text"] == UNKNOWN);

    let patch = async |path: &str, body: Value| {
        world.call(As::Key, Method::PATCH, path).json(&body).send().await.expect(StatusCode::OK)
    };
    assert_eq!(said(&patch(&path, json!({"cedar_policy_set": UNKNOWN})).await), warning);
    assert_eq!(said(&patch(&path, json!({"name": "q"})).await), Vec::<&str>::new());
    let rules = format!("{path}/rules");
    let rule = world.post(As::Key, rules.clone(), json!({"policy_text": UNKNOWN})).await.expect(StatusCode::CREATED);
    assert_eq!(said(&rule), warning);
    let rule = format!("{rules}/{}", rule["id"].as_str().unwrap());
    let known = json!({"resource_entity_id": SANDBOX});
    assert_eq!(said(&patch(&rule, known).await), Vec::<&str>::new());
    let unknown = json!({"resource_entity_id": "999999999999"});
    assert_eq!(said(&patch(&rule, unknown).await), warning);
}

#[tokio::test]
async fn what_is_gone_is_warned_about_and_its_rules_still_work() {
    let world = World::start().await;
    let rule = "permit (principal, action == Action::\"ReadOnlyAccess\", resource == AwsAccount::\"222222222222\");";
    world.local.aws().change_organization(|root| {
        for unit in &mut root.units {
            for below in &mut unit.units {
                below.accounts.retain(|account| account.id != "222222222222");
            }
        }
    });
    world.local.aws().change_permission_sets(|sets| sets.retain(|set| set.name != "ReadOnlyAccess"));
    world.sync().await;
    assert_eq!(said(&validate(&world, rule).await), Vec::<&str>::new(), "one read may be wrong");
    world.sync().await;
    let report = validate(&world, rule).await;
    let gone = ["the permission set `ReadOnlyAccess` is gone", "the `aws_account` `222222222222` is gone"];
    assert_eq!((said(&report), &report["valid"]), (gone.to_vec(), &json!(true)));
    world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.request("alice", SANDBOX, "ReadOnlyAccess", 60).await.refused(400, "invalid_input");
}
