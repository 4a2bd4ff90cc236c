//! IAM: what no function may do. That each may do what it does, and nothing else, is measured in the suite `api`.

use serde_json::{Value, json};
use stint_tests::template::{Statement, functions, resources, statements};

use super::operations::{endpoints, workers};
use super::sources;

/// Actions for which AWS has no resource to name (Service Authorization Reference).
const WITHOUT_A_RESOURCE: &[&str] = &["dynamodb:ListStreams", "organizations:ListRoots"];

/// Every statement of the template, with the name of whom it is for.
fn all_statements() -> Vec<(String, Statement)> {
    let of_functions =
        functions().into_iter().flat_map(|(name, it)| it.statements().into_iter().map(move |s| (name.clone(), s)));
    let of_roles = resources("AWS::IAM::Role").into_iter().flat_map(|(id, role)| {
        let policies = role["Properties"]["Policies"].as_array().cloned();
        policies
            .into_iter()
            .flatten()
            .flat_map(|policy| statements(&policy["PolicyDocument"]["Statement"]))
            .map(move |statement| (id.clone(), statement))
    });
    of_functions.chain(of_roles).collect()
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

#[test]
fn permissions_are_statements_and_not_managed_policies() {
    for (name, function) in functions() {
        let policies = function.properties["Policies"].as_array();
        let only_statements = policies.into_iter().flatten().all(|it| it.as_object().unwrap().keys().eq(["Statement"]));
        assert!(only_statements, "{name} has a policy that is not written out");
        assert_eq!(function.properties["Role"], Value::Null, "{name} has a role of its own");
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

/// Functions open their connections to the table by reading an item that is not there.
#[test]
fn a_function_opens_connections_to_the_table_if_and_only_if_it_may_read_it() {
    for (name, function) in functions() {
        let actions: Vec<String> = function.statements().into_iter().flat_map(|it| it.actions).collect();
        let opens = !sources::read(&format!("functions/src/bin/{name}.rs")).contains("api_without_connections");
        assert_eq!(actions.contains(&"dynamodb:GetItem".to_owned()), opens, "{name}: {actions:?}");
    }
}

/// What falls due is of all tenants.
#[test]
fn only_who_works_it_off_reads_what_falls_due() {
    let due = json!({"Fn::Sub": "${Table.Arn}/index/due"});
    let works_it_off = ["sweep", "provision_grant", "deprovision_grant"];
    for (whose, statement) in all_statements() {
        let reads = statement.resources.contains(&due);
        assert!(!reads || works_it_off.contains(&whose.as_str()), "{whose} reads the index of what falls due");
    }
}

/// Whoever has a slot goes on with whatever is due.
#[test]
fn who_gives_access_and_who_takes_it_away_may_do_the_same() {
    let functions = functions();
    let may = |name: &str| -> Vec<(Vec<String>, Vec<Value>)> {
        functions[name].statements().into_iter().map(|statement| (statement.actions, statement.resources)).collect()
    };
    assert_eq!(may("provision_grant"), may("deprovision_grant"));
}

#[test]
fn nobody_scans() {
    for (whose, statement) in all_statements() {
        assert!(!statement.actions.contains(&"dynamodb:Scan".to_owned()), "{whose} scans");
    }
}

/// Passing a role is being it: only Scheduler's, and only to Scheduler.
#[test]
fn only_the_schedulers_role_is_passed_and_only_to_scheduler() {
    let functions = functions();
    for name in workers() {
        let policies = functions[&name].properties["Policies"].as_array().unwrap();
        for statement in policies.iter().flat_map(|it| it["Statement"].as_array().unwrap()) {
            if statement["Action"].to_string().contains("iam:") {
                assert_eq!(statement["Action"], "iam:PassRole", "{name}");
                assert_eq!(statement["Resource"], json!({"Fn::GetAtt": "SchedulerRole.Arn"}), "{name}");
                let to = &statement["Condition"]["StringEquals"]["iam:PassedToService"];
                assert_eq!(*to, json!("scheduler.amazonaws.com"), "{name}");
            }
        }
    }
}
