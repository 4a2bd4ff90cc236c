//! What tells people how it goes: alarms, dashboard, access logs; and the limits they warn about.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stint::metrics::{Measurement, NAMESPACE, OUTCOME, RequestOutcome, STACK};
use stint_tests::template::{functions, resources, template};

use super::operations::workers;
use super::sources;

fn zero() -> jiff::SignedDuration {
    jiff::SignedDuration::ZERO
}

/// The names of our metrics.
fn measured() -> BTreeSet<&'static str> {
    let spans = [
        Measurement::OverGrantSeconds(zero()),
        Measurement::ProvisioningLatencySeconds(zero()),
        Measurement::OldestOverdueSeconds(zero()),
        Measurement::DirectoryAgeSeconds(zero()),
        Measurement::DirectoryHeldBack(0),
        Measurement::Decisions(RequestOutcome::Auto),
    ];
    spans.into_iter().map(Measurement::name).collect()
}

/// The rows of metrics on the dashboard, as written.
fn rows() -> Vec<Vec<Value>> {
    let dashboard = &resources("AWS::CloudWatch::Dashboard")["Dashboard"]["Properties"]["DashboardBody"];
    let body: Value = serde_json::from_str(dashboard["Fn::Sub"].as_str().unwrap()).unwrap();
    let widgets = body["widgets"].as_array().unwrap();
    widgets
        .iter()
        .flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap().clone())
        .map(|row| row.as_array().unwrap().clone())
        .collect()
}

#[test]
fn the_dashboard_shows_everything_that_is_measured() {
    let ours: BTreeSet<String> = rows()
        .iter()
        .filter(|row| row[0] == NAMESPACE)
        .map(|row| {
            assert_eq!((&row[2], &row[3]), (&json!(STACK), &json!("${AWS::StackName}")), "{row:?}");
            row[1].as_str().unwrap().to_owned()
        })
        .collect();
    let ours: BTreeSet<&str> = ours.iter().map(String::as_str).collect();
    assert_eq!(ours, measured());
    let shown: Vec<Value> = rows().into_iter().flatten().collect();
    for outcome in RequestOutcome::ALL {
        assert!(shown.contains(&json!(outcome.as_str())), "{outcome:?}");
    }
    assert!(shown.contains(&json!(OUTCOME)));
}

#[test]
fn an_alarm_watches_what_is_measured_and_somebody_hears_of_it() {
    let told = json!({"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]});
    let runbook = sources::read("infra/README.md");
    for (name, alarm) in resources("AWS::CloudWatch::Alarm") {
        let alarm = &alarm["Properties"];
        assert_eq!(alarm["AlarmActions"], told, "{name}");
        assert!(alarm["AlarmDescription"].is_string() && alarm["TreatMissingData"].is_string(), "{name}");
        assert!(runbook.contains(&format!("`{name}`")), "the runbook does not say what to do about {name}");
        if alarm["Namespace"] == NAMESPACE {
            assert!(measured().contains(alarm["MetricName"].as_str().unwrap()), "{name}");
            assert_eq!(alarm["Dimensions"], json!([{"Name": STACK, "Value": {"Ref": "AWS::StackName"}}]), "{name}");
        }
    }
}

#[test]
fn every_worker_is_watched_for_errors_and_throttles() {
    let (functions, alarms) = (functions(), resources("AWS::CloudWatch::Alarm"));
    for alarm in ["WorkerErrorAlarm", "WorkerThrottleAlarm"] {
        let metrics = alarms[alarm]["Properties"]["Metrics"].as_array().unwrap();
        let watched: BTreeSet<&str> = metrics
            .iter()
            .filter_map(|metric| metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"].as_str())
            .collect();
        let expected: BTreeSet<&str> = workers().iter().map(|name| functions[name].logical_id.as_str()).collect();
        assert_eq!(watched, expected, "{alarm}");
    }
}

/// Identity Center works on ten changes at once and takes twenty requests a second ("AWS IAM Identity Center quotas").
#[test]
fn workers_leave_identity_center_room_and_one_another() {
    let (template, functions) = (template(), functions());
    let parameter = |name: &str| &template["Parameters"][name];
    for (name, quota) in [("IdentityCenterSlots", 10), ("IdentityCenterRequestsPerSecond", 20)] {
        assert_eq!(parameter(name)["MaxValue"], quota, "{name}");
        assert!(parameter(name)["Default"].as_u64().unwrap() < quota, "{name}");
    }
    for (name, condition, concurrency) in [
        ("provision_grant", "LimitsProvision", "ProvisionConcurrency"),
        ("deprovision_grant", "LimitsDeprovision", "DeprovisionConcurrency"),
    ] {
        let limit = json!({"Fn::If": [condition, {"Ref": concurrency}, {"Ref": "AWS::NoValue"}]});
        assert_eq!(functions[name].properties["ReservedConcurrentExecutions"], limit, "{name}");
        let at_once = parameter(concurrency)["Default"].as_u64().unwrap();
        assert!(at_once > parameter("IdentityCenterSlots")["Default"].as_u64().unwrap(), "{name}");
        assert_eq!(usize::try_from(at_once).unwrap(), stint_local::server::CONCURRENCY, "{name}");
    }
}

#[test]
fn access_logs_are_json_are_kept_as_long_as_other_logs_and_hold_no_credential() {
    let api = &resources("AWS::Serverless::Api")["Api"]["Properties"];
    let setting = &api["AccessLogSetting"];
    assert_eq!(setting["DestinationArn"], json!({"Fn::GetAtt": "ApiAccessLogGroup.Arn"}));
    let format: Value = serde_json::from_str(setting["Format"].as_str().unwrap()).unwrap();
    // What callers write themselves: it is not escaped, so a quote in it would be a field of theirs.
    let of_callers = ["$context.path", "$context.identity.userAgent", "$context.identity.apiKey"];
    for (field, value) in format.as_object().unwrap() {
        let value = value.as_str().unwrap();
        assert!(value.starts_with("$context.") && !of_callers.contains(&value), "{field}");
    }
    let group = &resources("AWS::Logs::LogGroup")["ApiAccessLogGroup"]["Properties"];
    assert_eq!(group["RetentionInDays"], json!({"Ref": "LogRetentionDays"}));
}

#[test]
fn every_method_is_throttled() {
    let api = &resources("AWS::Serverless::Api")["Api"]["Properties"];
    let expected = json!([{
        "ResourcePath": "/*",
        "HttpMethod": "*",
        "ThrottlingRateLimit": {"Ref": "ThrottleRate"},
        "ThrottlingBurstLimit": {"Ref": "ThrottleBurst"},
    }]);
    assert_eq!(api["MethodSettings"], expected);
}
