//! The wire types: what a client writes is what the server reads, and what the server answers is what a client reads.

use std::collections::BTreeSet;
use std::fmt::Debug;

use reqwest::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stint_api::{
    AccessRequest, AccessRequestStatus, AuditLogEntry, AuditLogVerification, CreatePolicy, CreateRequest,
    CreateRequestMessage, Decide, EmptyBody, EnsureAccess, EnsureAccessResult, ErrorBody, EvaluatePolicies,
    ExtendGrant, Grant, Health, PageOf, Policy, PolicyEvaluation, PolicyRule, PolicySummary, PolicyValidation,
    ReorderPolicies, ReorderPolicyRules, ReorderedPolicies, RequestMessage, UpdateGrant, UpdatePolicy,
    ValidatePolicies, WritePolicyRule, WrittenPolicy, WrittenPolicyRule,
};
use stint_tests::contract::{Operation, resolve};
use stint_tests::{As, World};

use super::operations::{Calls, Ready, every, seed};

/// Reads JSON into a type, and writes it again.
type Through = fn(&Value) -> Value;

#[track_caller]
fn read<T: DeserializeOwned>(json: &Value) -> T {
    serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Of an answer, nothing is lost and nothing is added.
#[track_caller]
fn answer<T: DeserializeOwned + Serialize>(json: &Value) -> Value {
    let written = serde_json::json!(read::<T>(json));
    assert_eq!(written, *json);
    written
}

/// A request means the same when it is read and written again: what was omitted may now be null, where that is no
/// difference.
#[track_caller]
fn request<T: DeserializeOwned + Serialize + PartialEq + Debug>(json: &Value) -> Value {
    let meant = read::<T>(json);
    let written = serde_json::json!(meant);
    assert_eq!(read::<T>(&written), meant);
    written
}

/// Lines of JSON.
#[track_caller]
fn lines<T: DeserializeOwned + Serialize>(body: &Value) -> Value {
    let Value::String(text) = body else { return answer::<T>(body) };
    text.lines().map(|line| answer::<T>(&serde_json::from_str(line).unwrap())).collect()
}

/// The types of an operation's body and of its answer; none where it has no JSON of ours.
fn types(operation: &str) -> (Option<Through>, Option<Through>) {
    let (body, answered): (Option<Through>, Option<Through>) = match operation {
        "getHealth" => (None, Some(answer::<Health>)),
        // The document itself, and Cedar's schema.
        "getOpenApi" | "getPolicySchema" => (None, None),
        "ensureAccess" => (Some(request::<EnsureAccess>), Some(answer::<EnsureAccessResult>)),
        "getAccessRequestStatus" => (None, Some(answer::<AccessRequestStatus>)),
        "listRequests" => (None, Some(answer::<PageOf<AccessRequest>>)),
        "createRequest" => (Some(request::<CreateRequest>), Some(answer::<AccessRequest>)),
        "getRequest" => (None, Some(answer::<AccessRequest>)),
        "approveRequest" | "denyRequest" => (Some(request::<Decide>), Some(answer::<AccessRequest>)),
        "cancelRequest" => (Some(request::<EmptyBody>), Some(answer::<AccessRequest>)),
        "createRequestMessage" => (Some(request::<CreateRequestMessage>), Some(answer::<RequestMessage>)),
        "listRequestMessages" => (None, Some(answer::<PageOf<RequestMessage>>)),
        "listGrants" => (None, Some(answer::<PageOf<Grant>>)),
        "getGrant" => (None, Some(answer::<Grant>)),
        "updateGrant" => (Some(request::<UpdateGrant>), Some(answer::<Grant>)),
        "extendGrant" => (Some(request::<ExtendGrant>), Some(answer::<Grant>)),
        "revokeGrant" => (Some(request::<EmptyBody>), Some(answer::<Grant>)),
        "evaluatePolicies" => (Some(request::<EvaluatePolicies>), Some(answer::<PolicyEvaluation>)),
        "validatePolicies" => (Some(request::<ValidatePolicies>), Some(answer::<PolicyValidation>)),
        "listPolicies" => (None, Some(answer::<PageOf<PolicySummary>>)),
        "getPolicy" => (None, Some(answer::<Policy>)),
        "createPolicy" => (Some(request::<CreatePolicy>), Some(answer::<WrittenPolicy>)),
        "updatePolicy" => (Some(request::<UpdatePolicy>), Some(answer::<WrittenPolicy>)),
        "reorderPolicies" => (Some(request::<ReorderPolicies>), Some(answer::<ReorderedPolicies>)),
        "deletePolicy" | "deletePolicyRule" => (Some(request::<EmptyBody>), None),
        "listPolicyRules" => (None, Some(answer::<PageOf<PolicyRule>>)),
        "getPolicyRule" => (None, Some(answer::<PolicyRule>)),
        "createPolicyRule" | "updatePolicyRule" => {
            (Some(request::<WritePolicyRule>), Some(answer::<WrittenPolicyRule>))
        }
        "reorderPolicyRules" => (Some(request::<ReorderPolicyRules>), Some(answer::<Policy>)),
        "listAuditLog" => (None, Some(answer::<PageOf<AuditLogEntry>>)),
        "getAuditLogEntry" => (None, Some(answer::<AuditLogEntry>)),
        "verifyAuditLog" => (None, Some(answer::<AuditLogVerification>)),
        "exportAuditLog" => (None, Some(lines::<AuditLogEntry>)),
        other => panic!("say which types `{other}` has"),
    };
    (body, answered)
}

/// A client that has the types and nothing else.
struct Client {
    world: World,
    called: BTreeSet<&'static str>,
}

impl Calls for Client {
    fn world(&self) -> &World {
        &self.world
    }

    async fn call(&mut self, _: usize, name: &str, ready: impl AsyncFn(&World) -> Ready) {
        let Ready { who, method, path, body } = ready(&self.world).await;
        let operation = Operation::of(&method, &path).unwrap();
        let (written, read) = types(&operation.id);
        let body = body.map(|body| written.unwrap_or_else(|| panic!("{name} takes no body"))(&body));
        for who in [As::Nobody, who] {
            let is_let_in = !matches!(who, As::Nobody) || operation.scope.is_none();
            let call = self.world.call(who, method.clone(), path.clone());
            let answered = match &body {
                Some(body) => call.json(body).send().await,
                None => call.send().await,
            };
            if !is_let_in {
                assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{name}: {}", answered.body);
                answer::<ErrorBody>(&answered.body);
                continue;
            }
            assert!(answered.status.is_success(), "{name}: {}", answered.body);
            if let Some(read) = read {
                read(&answered.body);
            }
        }
        self.called.insert(&operation.id);
    }
}

#[tokio::test]
async fn what_the_server_answers_is_what_a_client_reads() {
    let mut client = Client { world: World::with(seed()).await, called: BTreeSet::new() };
    every(&mut client).await;
    let mut all: BTreeSet<&str> = Operation::all().iter().map(|operation| operation.id.as_str()).collect();
    assert!(all.remove("getOpenApi"));
    assert_eq!(client.called, all);
}

#[test]
fn the_examples_of_the_document_are_of_the_types() {
    for operation in Operation::all() {
        let (body, answered) = types(&operation.id);
        if let Some(example) = &operation.example {
            body.unwrap_or_else(|| panic!("{} takes no body", operation.id))(example);
        }
        for (status, schema) in &operation.answers {
            match (resolve(schema).get("example"), answered) {
                (Some(example), _) if *status >= 400 => _ = answer::<ErrorBody>(example),
                (Some(example), Some(answered)) => _ = answered(example),
                (_, _) => {}
            }
        }
    }
}
