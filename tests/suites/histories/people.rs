//! What people do, and what the model makes of the answers.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{Answer, As, SANDBOX, ask};

use super::model::time;
use super::play::{Played, span};
use super::policies::Terms;
use super::step::{Edit, How};

impl Played {
    pub(super) async fn submit(&mut self, who: &str, account: &str, role: &str, seconds: i64, how: How) {
        let break_glass = matches!(how, How::BreakGlass);
        let terms = Terms { break_glass, ..terms(who, account, role, seconds) };
        let mut body = ask(account, role, seconds);
        match how {
            How::AtOnce => {}
            How::Later { seconds } => body["start_at"] = json!(self.now() + span(seconds)),
            How::BreakGlass => body["break_glass"] = json!(true),
        }
        match answered(self.world.post(As::Person(who), "/v1/requests", body).await) {
            Some(answer) if answer.status == StatusCode::CREATED => self.asked(terms, &answer.body),
            Some(_) => {}
            None => self.model.perhaps_granted(terms),
        }
    }

    pub(super) async fn ensure(&mut self, who: &str, account: &str, role: &str, seconds: i64) {
        let terms = terms(who, account, role, seconds);
        let (now, wanted) = (self.now(), json!({"duration_seconds": seconds, "justification": {"reason": "because"}}));
        let Some(answer) = answered(self.world.ensure(who, account, role, wanted).await) else {
            self.model.perhaps_lasts(&terms.access, now + span(seconds));
            self.model.perhaps_granted(terms);
            return;
        };
        if answer.status != StatusCode::OK {
            return;
        }
        let ensured = &answer.body["grants"][0];
        let id = ensured["id"].as_str().unwrap();
        match ensured["change"].as_str().unwrap() {
            "activated" => self.model.granted(id, terms, now, span(seconds)),
            "requested" => self.requests.insert(0, (id.to_owned(), terms)),
            "extended" => self.model.lasts_for(id, time(&ensured["expires_at"]), now + span(seconds)),
            "none" => {}
            other => panic!("ensure changed {other}"),
        }
    }

    pub(super) async fn decide(&mut self, who: &str, request: usize, verb: &str) {
        let Some((id, terms)) = self.requests.get(request % self.requests.len().max(1)).cloned() else { return };
        let path = format!("/v1/requests/{id}/{verb}");
        match answered(self.world.post(As::Person(who), path, json!({})).await) {
            Some(answer) if answer.status == StatusCode::OK => self.granted(&terms, &answer.body),
            Some(_) => {}
            None => self.model.perhaps_granted(Terms { approvals: None, ..terms }),
        }
    }

    pub(super) async fn extend(&mut self, who: &str, grant: usize, seconds: i64) {
        let Some(id) = self.model.grant(grant).cloned() else { return };
        let body = json!({"duration_seconds": seconds, "reason": "more"});
        match answered(self.world.post(As::Person(who), format!("/v1/grants/{id}/extend"), body).await) {
            Some(answer) if answer.status == StatusCode::OK => {
                self.model.lasts(&id, time(&answer.body["expires_at"]), span(seconds));
            }
            Some(_) => {}
            None => self.model.perhaps_extended(&id, span(seconds)),
        }
    }

    pub(super) async fn revoke(&mut self, who: &str, grant: usize) {
        let Some(id) = self.model.grant(grant).cloned() else { return };
        let now = self.now();
        match answered(self.world.call(As::Person(who), Method::DELETE, format!("/v1/grants/{id}")).send().await) {
            Some(answer) if answer.status == StatusCode::ACCEPTED => self.model.ended(&answer.body, now),
            Some(_) => {}
            None => self.model.perhaps_ended(&id),
        }
    }

    /// Somebody asks in the other tenant, which uses the same Identity Center.
    pub(super) async fn other_submit(&mut self, who: &str, role: &str, seconds: i64) {
        let terms = Terms { of_other: true, ..terms(who, SANDBOX, role, seconds) };
        match answered(self.other.request(&self.world, who, role, seconds).await) {
            Some(answer) if answer.status == StatusCode::CREATED => self.granted(&terms, &answer.body),
            Some(_) => {}
            None => self.model.perhaps_granted(terms),
        }
    }

    /// A grant of the first tenant is not found in the other one.
    pub(super) async fn other_revoke(&mut self, grant: usize) {
        let Some(id) = self.model.grant(grant).cloned() else { return };
        let now = self.now();
        let path = format!("/v1/grants/{id}");
        let call = self.other.call(&self.world, As::ApiKey(&self.other.key), Method::DELETE, &path, None);
        match answered(call.await) {
            Some(answer) if answer.status == StatusCode::ACCEPTED => self.model.ended(&answer.body, now),
            Some(_) => {}
            None => self.model.perhaps_ended(&id),
        }
    }

    pub(super) async fn edit_policy(&mut self, policy: usize, edit: Edit) {
        let policy = policy % self.policies.len();
        self.edited.insert(policy);
        let body = edit.body();
        match answered(self.patch_policy(policy, body.clone()).await) {
            Some(answer) if answer.status == StatusCode::OK => self.in_force.edited(policy, &body, true),
            Some(_) => {}
            None => self.in_force.edited(policy, &body, false),
        }
    }

    /// Makes the policies what they were.
    pub(super) async fn restore_policies(&mut self) {
        for policy in std::mem::take(&mut self.edited) {
            let was = &self.policies[policy];
            let settings = ["enabled", "approval_mode", "max_duration_seconds", "default_duration_seconds"];
            let settings = settings.iter().map(|name| ((*name).to_owned(), was[name].clone())).collect();
            self.patch_policy(policy, Value::Object(settings)).await.expect(StatusCode::OK);
        }
        self.in_force.are(&self.policies);
    }

    async fn patch_policy(&self, policy: usize, body: Value) -> Answer {
        let path = format!("/v1/policies/{}", self.policies[policy]["id"].as_str().unwrap());
        self.world.call(As::Key, Method::PATCH, path).json(&body).send().await
    }

    /// A request was made.
    fn asked(&mut self, terms: Terms, request: &Value) {
        if request["status"] == "pending" {
            self.requests.insert(0, (request["id"].as_str().unwrap().to_owned(), terms));
        } else {
            self.granted(&terms, request);
        }
    }

    /// A request may have been approved just now.
    fn granted(&mut self, terms: &Terms, request: &Value) {
        let now = self.now();
        let from = request["start_at"].as_str().map_or(now, |at| at.parse().unwrap());
        let decisions = request["decisions"].as_array().unwrap();
        let approvals = Some(u64::try_from(decisions.len()).unwrap());
        for id in request["grant_ids"].as_array().unwrap() {
            let length = span(request["duration_seconds"].as_i64().unwrap());
            let terms = Terms { approvals, ..terms.clone() };
            self.model.granted(id.as_str().unwrap(), terms, from.max(now), length);
        }
    }
}

/// What is asked for, approved by nobody yet.
fn terms(who: &str, account: &str, role: &str, seconds: i64) -> Terms {
    let access = format!("{who} {role} {account}");
    Terms { access, seconds: Some(seconds), approvals: Some(0), break_glass: false, of_other: false }
}

/// The answer; none for a server error: then it may have been carried out or not.
#[track_caller]
fn answered(answer: Answer) -> Option<Answer> {
    let expected = [200, 201, 202, 400, 403, 404, 409, 500, 503];
    assert!(expected.contains(&answer.status.as_u16()), "{} {}", answer.status, answer.body);
    (!answer.status.is_server_error()).then_some(answer)
}
