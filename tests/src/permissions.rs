//! What the template grants each function, held against what the function does.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stint_local::aws::{AwsSeed, Permission};

use crate::template::{Statement, functions, resources};

/// What is needed, by the function's name.
pub type ByFunction = BTreeMap<String, BTreeSet<Permission>>;

/// What is granted, by the function's name.
pub type Grants = BTreeMap<String, Vec<Grant>>;

/// An action on a resource that a statement allows.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The action.
    pub action: String,
    /// The resource's ARN, in which `*` is anything.
    pub resource: String,
    /// On which items.
    pub keys: LeadingKeys,
}

/// A condition on `dynamodb:LeadingKeys`, which has the partition keys a call is about.
#[derive(Debug, Clone, Default)]
pub struct LeadingKeys {
    /// `ForAllValues:StringLike`: what each of them has to be like. None where there is no such condition.
    pub patterns: Option<Vec<String>>,
    /// `"Null": "false"`: there has to be one.
    pub required: bool,
}

impl LeadingKeys {
    /// Whether the condition holds for a call about these keys, as IAM evaluates it: `ForAllValues` of no value is true.
    #[must_use]
    pub fn hold(&self, keys: &[&str]) -> bool {
        let like_one = |key: &&str| self.patterns.iter().flatten().any(|pattern| like(pattern, key));
        (self.patterns.is_none() || keys.iter().all(like_one)) && !(self.required && keys.is_empty())
    }

    /// The same condition with one pattern each.
    fn each(&self) -> Vec<Self> {
        match &self.patterns {
            None => vec![self.clone()],
            Some(patterns) => {
                patterns.iter().map(|one| Self { patterns: Some(vec![one.clone()]), required: self.required }).collect()
            }
        }
    }
}

/// What each function is granted, with the ARNs it would have in the local AWS.
#[must_use]
pub fn granted(aws: &AwsSeed) -> Grants {
    let names = Names::of(aws);
    let of_statement = |statement: &Statement| -> Vec<Grant> {
        let keys = names.leading_keys(&statement.condition);
        let pairs = statement.actions.iter().flat_map(|act| statement.resources.iter().map(move |on| (act, on)));
        pairs
            .map(|(action, resource)| Grant {
                action: action.clone(),
                resource: names.text(resource),
                keys: keys.clone(),
            })
            .collect()
    };
    let of_function = |statements: Vec<Statement>| statements.iter().flat_map(of_statement).collect();
    functions().into_iter().map(|(name, function)| (name, of_function(function.statements()))).collect()
}

/// What Lambda does in the name of a function, by its documentation: of event source mappings, for the function it feeds with a
/// stream; of destinations, for a function whose calls failed to the end.
#[must_use]
pub fn needed_by_lambda(aws: &AwsSeed) -> ByFunction {
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
    for (name, function) in functions {
        let queue = &function.properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"];
        if !queue.is_null() {
            needed.entry(name).or_default().insert(names.permission("sqs:SendMessage", queue));
        }
    }
    needed
}

/// What is needed and not granted, each as `function: action on resource`.
#[must_use]
pub fn missing(needed: &ByFunction, granted: &Grants) -> Vec<String> {
    let no_grants = Vec::new();
    let mut missing = Vec::new();
    for (function, permissions) in needed {
        let grants = granted.get(function).unwrap_or(&no_grants);
        for one in permissions.iter().filter(|one| !grants.iter().any(|grant| grant.allows(one))) {
            let Permission { action, resource, leading_key } = one;
            missing.push(format!("{function}: {action} on {resource} {}", leading_key.as_deref().unwrap_or_default()));
        }
    }
    missing
}

/// What is granted and not needed, each as `function: action on resource`, of each kind of record by itself.
#[must_use]
pub fn excess(needed: &ByFunction, granted: &Grants) -> Vec<String> {
    let nothing = BTreeSet::new();
    let mut excess = Vec::new();
    for (function, grants) in granted {
        let permissions = needed.get(function).unwrap_or(&nothing);
        let each =
            grants.iter().flat_map(|grant| grant.keys.each().into_iter().map(|keys| Grant { keys, ..grant.clone() }));
        for grant in each.filter(|grant| !permissions.iter().any(|one| grant.allows(one))) {
            let Grant { action, resource, keys } = grant;
            excess.push(format!("{function}: {action} on {resource} {}", keys.patterns.unwrap_or_default().concat()));
        }
    }
    excess
}

impl Grant {
    fn allows(&self, needed: &Permission) -> bool {
        let keys: Vec<&str> = needed.leading_key.as_deref().into_iter().collect();
        self.action == needed.action && like(&self.resource, &needed.resource) && self.keys.hold(&keys)
    }
}

/// Whether a text is like a pattern of IAM: `*` is anything, `?` is one character.
fn like(pattern: &str, text: &str) -> bool {
    let mut pattern_chars = pattern.chars();
    let Some(first) = pattern_chars.next() else { return text.is_empty() };
    let rest = pattern_chars.as_str();
    if first == '*' {
        return (0..=text.len()).filter_map(|at| text.get(at..)).any(|tail| like(rest, tail));
    }
    let mut tail = text.chars();
    tail.next().is_some_and(|char| first == '?' || first == char) && like(rest, tail.as_str())
}

/// What the template's names stand for in the local AWS.
struct Names(BTreeMap<&'static str, String>);

impl Names {
    fn of(aws: &AwsSeed) -> Self {
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
            ("WorkerDeadLetterQueue.Arn", arn("sqs", "stint-worker-dead-letters")),
            ("Table.Arn", arn("dynamodb", "table/stint")),
            ("Table.StreamArn", arn("dynamodb", "table/stint/stream/now")),
        ]))
    }

    fn permission(&self, action: &str, resource: &Value) -> Permission {
        Permission { action: action.to_owned(), resource: self.text(resource), leading_key: None }
    }

    /// The condition on leading keys; there is no other but the one on whom a role is passed to.
    fn leading_keys(&self, condition: &Value) -> LeadingKeys {
        let mut keys = LeadingKeys::default();
        for (operator, operands) in condition.as_object().into_iter().flatten() {
            match (operator.as_str(), &operands["dynamodb:LeadingKeys"]) {
                ("ForAllValues:StringLike", Value::Array(patterns)) => {
                    keys.patterns = Some(patterns.iter().map(|pattern| self.text(pattern)).collect());
                }
                ("Null", Value::String(absent)) if absent == "false" => keys.required = true,
                ("StringEquals", Value::Null) if operands.get("iam:PassedToService").is_some() => {}
                _ => panic!("nothing here evaluates {operator} {operands}"),
            }
        }
        keys
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

#[cfg(test)]
mod tests {
    use super::*;

    const GRANTS: &str = "T#????????-????-????-????-????????????#GRANT";
    const KEY: &str = "T#2489e9ad-2ee2-8e00-8ec9-32d5f69181c0#GRANT";

    fn condition(required: bool) -> LeadingKeys {
        LeadingKeys { patterns: Some(vec![GRANTS.to_owned()]), required }
    }

    #[test]
    fn a_pattern_is_of_one_kind_of_record() {
        assert!(condition(true).hold(&[KEY]));
        for other in [
            "T#2489e9ad-2ee2-8e00-8ec9-32d5f69181c0#GRANTS",
            "T#2489e9ad-2ee2-8e00-8ec9-32d5f69181c0#REQUEST",
            "T#2489e9ad-2ee2-8e00-8ec9-32d5f69181c0#MESSAGE#2489e9ad-2ee2-8e00-8ec9-32d5f69181c0#GRANT",
            "T##GRANT",
            "ASSIGNMENT#instance",
            "",
        ] {
            assert!(!condition(true).hold(&[other]), "{other}");
            assert!(!condition(true).hold(&[KEY, other]), "all have to be like it: {other}");
        }
    }

    /// IAM: `ForAllValues` is true if the request has no such key.
    #[test]
    fn a_call_without_the_key_passes_unless_the_key_is_required() {
        assert!(condition(false).hold(&[]));
        assert!(!condition(true).hold(&[]));
        assert!(LeadingKeys::default().hold(&[]) && LeadingKeys::default().hold(&[KEY]));
    }
}
