//! What the template grants each function, held against what the function does.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stint_local::aws::{Permission, World as Aws};

use crate::template::{functions, resources};

/// Permissions by the function's name.
pub type ByFunction = BTreeMap<String, BTreeSet<Permission>>;

/// What each function is granted, with the ARNs it would have in the local AWS.
#[must_use]
pub fn granted(aws: &Aws) -> ByFunction {
    let names = Names::of(aws);
    let of_function = |statements: Vec<crate::template::Statement>| {
        let each = statements
            .iter()
            .flat_map(|one| one.actions.iter().flat_map(|act| one.resources.iter().map(move |on| (act, on))));
        each.map(|(action, resource)| names.permission(action, resource)).collect()
    };
    functions().into_iter().map(|(name, function)| (name, of_function(function.statements()))).collect()
}

/// What Lambda does in the name of a function it feeds with a stream, by its documentation of event source mappings.
#[must_use]
pub fn needed_by_event_sources(aws: &Aws) -> ByFunction {
    let names = Names::of(aws);
    let functions = functions();
    let mut needed = ByFunction::new();
    for mapping in resources("AWS::Lambda::EventSourceMapping").into_values() {
        let mapping = &mapping["Properties"];
        let (function, _) =
            functions.iter().find(|(_, function)| mapping["FunctionName"]["Ref"] == function.logical_id).unwrap();
        let stream = &mapping["EventSourceArn"];
        let reads = ["DescribeStream", "GetRecords", "GetShardIterator"];
        let reads = reads.map(|action| names.permission(&format!("dynamodb:{action}"), stream));
        let lists = names.permission("dynamodb:ListStreams", &"*".into());
        let gives_up = &mapping["DestinationConfig"]["OnFailure"]["Destination"];
        let gives_up = (!gives_up.is_null()).then(|| names.permission("sqs:SendMessage", gives_up));
        needed.entry(function.clone()).or_default().extend(reads.into_iter().chain([lists]).chain(gives_up));
    }
    needed
}

/// What is needed and not granted, each as `function: action on resource`.
#[must_use]
pub fn missing(needed: &ByFunction, granted: &ByFunction) -> Vec<String> {
    unmatched(needed, granted, |needed, granted| covers(granted, needed))
}

/// What is granted and not needed, each as `function: action on resource`.
#[must_use]
pub fn excess(needed: &ByFunction, granted: &ByFunction) -> Vec<String> {
    unmatched(granted, needed, covers)
}

fn unmatched(left: &ByFunction, right: &ByFunction, matches: fn(&Permission, &Permission) -> bool) -> Vec<String> {
    let none = BTreeSet::new();
    let of_function = |(function, permissions): (&String, &BTreeSet<Permission>)| -> Vec<String> {
        let others = right.get(function).unwrap_or(&none);
        let alone = permissions.iter().filter(|one| !others.iter().any(|other| matches(one, other)));
        alone.map(|Permission { action, resource }| format!("{function}: {action} on {resource}")).collect()
    };
    left.iter().flat_map(of_function).collect()
}

fn covers(granted: &Permission, needed: &Permission) -> bool {
    granted.action == needed.action && like(&granted.resource, &needed.resource)
}

/// Whether an ARN is as a pattern says, in which `*` is anything.
fn like(pattern: &str, arn: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == arn,
        Some((start, rest)) => arn
            .strip_prefix(start)
            .is_some_and(|tail| (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|tail| like(rest, tail)))),
    }
}

/// What the template's names stand for in the local AWS.
struct Names(BTreeMap<&'static str, String>);

impl Names {
    fn of(aws: &Aws) -> Self {
        let arn = |service: &str, name: &str| format!("arn:aws:{service}:us-east-1:{}:{name}", aws.account_id);
        Self(BTreeMap::from([
            ("AWS::AccountId", aws.account_id.clone()),
            ("AWS::Partition", "aws".to_owned()),
            ("AWS::Region", "us-east-1".to_owned()),
            ("EventBus.Arn", arn("events", "event-bus/stint")),
            ("IdentityCenterInstanceArn", aws.instance_arn.clone()),
            ("IdentityStoreId", aws.identity_store_id.clone()),
            ("ScheduleGroup", "stint".to_owned()),
            ("SchedulerRole.Arn", format!("arn:aws:iam::{}:role/stint-scheduler", aws.account_id)),
            ("StreamDeadLetterQueue.Arn", arn("sqs", "stint-stream-dead-letters")),
            ("Table.Arn", arn("dynamodb", "table/stint")),
            ("Table.StreamArn", arn("dynamodb", "table/stint/stream/now")),
        ]))
    }

    fn permission(&self, action: &str, resource: &Value) -> Permission {
        Permission { action: action.to_owned(), resource: self.text(resource) }
    }

    /// The text that CloudFormation would make of a value.
    fn text(&self, value: &Value) -> String {
        let Some(function) = value.as_object() else { return value.as_str().unwrap().to_owned() };
        let (function, of) = function.iter().next().unwrap();
        match function.as_str() {
            "Ref" | "Fn::GetAtt" => self.name(of.as_str().unwrap()),
            "Fn::Sub" if of.is_array() => self.substituted(of[0].as_str().unwrap(), &of[1]),
            "Fn::Sub" => self.substituted(of.as_str().unwrap(), &Value::Null),
            "Fn::Select" => {
                let [separator, whole] = [0, 1].map(|at| &of[1]["Fn::Split"][at]);
                let place = of[0].as_u64().and_then(|place| usize::try_from(place).ok()).unwrap();
                self.text(whole).split(separator.as_str().unwrap()).nth(place).unwrap().to_owned()
            }
            other => panic!("{other} in a resource"),
        }
    }

    fn substituted(&self, text: &str, more: &Value) -> String {
        let mut parts = text.split("${");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |so_far, part| {
            let (name, after) = part.split_once('}').unwrap();
            let value = more.get(name).map_or_else(|| self.name(name), |value| self.text(value));
            so_far + &value + after
        })
    }

    fn name(&self, name: &str) -> String {
        self.0.get(name).unwrap_or_else(|| panic!("{name} has no ARN here yet")).clone()
    }
}
