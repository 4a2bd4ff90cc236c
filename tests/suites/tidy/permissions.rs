//! IAM: what no function may do. That each may do what it does, and nothing else, is measured in the suite `api`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stint_tests::template::{Statement, functions, resources, statements_of_role};

use super::operations::{endpoints, workers};

/// Actions for which AWS has no resource to name (Service Authorization Reference).
const WITHOUT_A_RESOURCE: &[&str] =
    &["dynamodb:ListStreams", "organizations:ListRoots", "xray:PutTraceSegments", "xray:PutTelemetryRecords"];

/// Every statement of the template, with the role it is in.
fn all_statements() -> Vec<(String, Statement)> {
    let of_role = |(id, role): (String, Value)| {
        statements_of_role(&role["Properties"]).into_iter().map(move |statement| (id.clone(), statement))
    };
    resources("AWS::IAM::Role").into_iter().flat_map(of_role).collect()
}

/// The functions that may do one of these actions on records of this kind.
fn who_may(actions: &[&str], kind: &str) -> BTreeSet<String> {
    let on_kind = |statement: &Statement| {
        let patterns = &statement.condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        let of_kind = |pattern: &Value| {
            pattern.as_str().is_some_and(|text| text.ends_with(&format!("#{kind}")) || text == format!("{kind}#*"))
        };
        statement.actions.iter().any(|action| actions.contains(&action.as_str()))
            && patterns.as_array().is_some_and(|patterns| patterns.iter().any(of_kind))
    };
    let functions = functions().into_iter().filter(|(_, function)| function.statements().iter().any(on_kind));
    functions.map(|(name, _)| name).collect()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn actions_are_named() {
    for (whose, statement) in all_statements() {
        assert_eq!(statement.effect, "Allow", "{whose}");
        for action in statement.actions {
            let (service, name) = action.split_once(':').unwrap();
            let named = [service, name].iter().all(|part| !part.is_empty() && !part.contains('*'));
            assert!(named, "{whose} may do {action}");
        }
    }
}

#[test]
fn resources_are_named_where_aws_has_any() {
    for (whose, statement) in all_statements() {
        for resource in &statement.resources {
            let anything = *resource == json!("*");
            let unavoidable = statement.actions.iter().all(|action| WITHOUT_A_RESOURCE.contains(&action.as_str()));
            assert!(!anything || unavoidable, "{whose} may do {:?} to anything", statement.actions);
        }
    }
}

/// API Gateway's, which it takes no other for; it is nobody's of ours.
#[test]
fn only_the_gateways_role_has_a_managed_policy() {
    for (id, role) in resources("AWS::IAM::Role") {
        let managed = &role["Properties"]["ManagedPolicyArns"];
        assert_eq!(managed.is_array(), id == "ApiGatewayLogRole", "{id}");
    }
}

/// An endpoint decides and commits: it cannot give access, nor set a reminder, nor speak on the bus.
#[test]
fn an_endpoint_touches_nothing_but_the_table() {
    let functions = functions();
    for name in endpoints() {
        for action in functions[&name].statements().into_iter().flat_map(|it| it.actions) {
            assert!(action.starts_with("dynamodb:"), "{name} may do {action}");
        }
    }
}

#[test]
fn nobody_scans() {
    for (whose, statement) in all_statements() {
        assert!(!statement.actions.contains(&"dynamodb:Scan".to_owned()), "{whose} scans");
    }
}

#[test]
fn permissions_are_statements_of_a_role_that_is_written_out() {
    for (name, function) in functions() {
        assert_eq!(function.properties["Policies"], Value::Null, "{name}");
        assert!(!function.role["Policies"].as_array().unwrap().is_empty(), "{name}");
    }
}

/// Companies bound what roles may do, and where they are.
#[test]
fn every_role_has_the_path_and_the_boundary_that_are_asked_for() {
    let boundary =
        json!({"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]});
    for (id, role) in resources("AWS::IAM::Role") {
        assert_eq!(role["Properties"]["Path"], json!({"Ref": "RolePath"}), "{id}");
        assert_eq!(role["Properties"]["PermissionsBoundary"], boundary, "{id}");
    }
}

/// What falls due is of all tenants.
#[test]
fn only_who_works_it_off_reads_what_falls_due() {
    let due = json!({"Fn::Sub": "${Table.Arn}/index/due"});
    let reads = |statements: Vec<Statement>| statements.iter().any(|statement| statement.resources.contains(&due));
    let who: BTreeSet<String> =
        functions().into_iter().filter(|(_, one)| reads(one.statements())).map(|(name, _)| name).collect();
    assert_eq!(who, names(["deprovision_grant", "drain_guard", "provision_grant", "sweep"]));
}

/// Whoever has a slot goes on with whatever is due.
#[test]
fn who_gives_access_and_who_takes_it_away_have_one_role() {
    let functions = functions();
    let [one, other] = ["provision_grant", "deprovision_grant"].map(|name| &functions[name].properties["Role"]);
    assert_eq!(one, other);
}

const WRITES: [&str; 4] =
    ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];

/// A bug in an endpoint writes no record of a kind that the endpoint has no business with.
#[test]
fn every_write_is_of_kinds_of_record_that_are_named() {
    for (whose, statement) in all_statements() {
        let writes = statement.actions.iter().filter(|action| WRITES.contains(&action.as_str())).count();
        assert!(writes == 0 || writes == statement.actions.len(), "{whose}: reading has a statement of its own");
        if writes > 0 {
            // Without it a call that has no such key would pass: `ForAllValues` of nothing is true.
            assert_eq!(statement.condition["Null"], json!({"dynamodb:LeadingKeys": "false"}), "{whose}");
            let keys = &statement.condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
            for pattern in keys.as_array().unwrap() {
                // `*` would also match `#` and what follows it. Of an issuer's URL, nothing does.
                let of_any_issuer = [json!("ISSUERKEYS#*"), json!("KEYLOOKUP#*")].contains(pattern);
                assert!(of_any_issuer || !pattern.to_string().contains('*'), "{whose}: {pattern}");
            }
        }
    }
}

#[test]
fn only_who_seals_events_writes_the_audit_chain() {
    for kind in ["AUDIT", "AUDITHEAD"] {
        assert_eq!(who_may(&WRITES, kind), names(["publish_events", "sweep"]), "{kind}");
    }
}

/// Whoever writes them can sign as anybody.
#[test]
fn only_sync_writes_the_keys_of_issuers() {
    assert_eq!(who_may(&WRITES, "ISSUERKEYS"), names(["sync"]));
}

/// Which state a grant is in, IAM does not see: whoever is here could write one that is active. The worker asks policy before
/// it gives, and gives only what an approved request names.
#[test]
fn who_may_write_a_grant() {
    let endpoints_that_may =
        names(["approve_request", "create_request", "ensure_access", "extend_grant", "revoke_grant", "update_grant"]);
    let who = who_may(&["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], "GRANT");
    assert_eq!(&who & &endpoints(), endpoints_that_may);
    assert_eq!(&who & &workers(), names(["deprovision_grant", "provision_grant", "sweep"]));
}

/// It says whose tokens are trusted: a bug in what changes policies cannot change that.
#[test]
fn nobody_writes_a_tenant() {
    assert_eq!(who_may(&["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], "TENANT"), BTreeSet::new());
}

#[test]
fn who_may_write_a_policy() {
    let who = who_may(&["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], "POLICY");
    assert!(who.iter().all(|name| name.contains("polic")), "{who:?}");
}

/// Passing a role is being it: only Scheduler's, and only to Scheduler.
#[test]
fn only_the_schedulers_role_is_passed_and_only_to_scheduler() {
    for (whose, statement) in all_statements() {
        if statement.actions.iter().any(|action| action.starts_with("iam:")) {
            assert_eq!(statement.actions, ["iam:PassRole"], "{whose}");
            assert_eq!(statement.resources, [json!({"Fn::GetAtt": "SchedulerRole.Arn"})], "{whose}");
            let to = json!({"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}});
            assert_eq!(statement.condition, to, "{whose}");
        }
    }
}
