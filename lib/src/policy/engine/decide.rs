//! Turns a question into Cedar's, and combines the decisions on the targets of an access into one.

use std::collections::HashMap;

use cedar_policy::{Entities, Entity, EntityUid, Request};
use serde_json::{Map, Value};

use super::Engine;
use crate::domain::{ASSUME, Actions, Principal, ResourceRef, ResourceType, Seconds};
use crate::policy::decision::{PolicyDecision, PolicyOutcome};
use crate::policy::entities::{self, Node};
use crate::policy::facts::{ContextFields, QuestionKind};
use crate::policy::index::IndexEntry;
use crate::policy::model::RESERVED_ACTIONS;
use crate::policy::overrides::ContextError;
use crate::policy::permit::{Approve, Authority, Permit, Revoke};
use crate::policy::question::{AccessQuestion, DecisionQuestion, TrialQuestion};

/// What was decided on a question that was only tried out.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialResult {
    /// The decision.
    pub decision: PolicyDecision,
    /// The context it was made by, in the form in which [`Engine::evaluate`] takes it.
    pub context: Map<String, Value>,
}

/// A question without its context.
#[derive(Clone, Copy)]
struct Subject<'a> {
    principal: &'a Principal,
    action: &'a str,
    resource: &'a ResourceRef,
    /// What is known of the requester the context names.
    requester: Option<&'a Principal>,
}

impl Engine {
    /// Decides on an access. The reserved actions are none: they are denied.
    #[must_use]
    pub fn decide(&self, question: &AccessQuestion<'_>) -> PolicyDecision {
        let AccessQuestion { principal, action, resource, .. } = *question;
        if RESERVED_ACTIONS.contains(&action) {
            return PolicyDecision::denied(format!("`{action}` is reserved and not an access to ask for"));
        }
        let facts =
            ContextFields::of_access(question, self.entities.account_of(resource), self.role_of(action, resource));
        self.judge_access(&Subject { principal, action, resource, requester: None }, &facts)
    }

    /// How long an access will be: as long as was asked, else the smallest default of the permits whose scope it is in,
    /// else `default`, and then no longer than their smallest maximum. This is the duration to ask policy about, and the
    /// one to grant.
    #[must_use]
    pub fn duration(
        &self,
        principal: &Principal,
        action: &str,
        resource: &ResourceRef,
        asked: Option<Seconds>,
        default: Seconds,
    ) -> Seconds {
        if let Some(asked) = asked {
            return asked;
        }
        let subject = Subject { principal, action, resource, requester: None };
        let target = self.target_of(&subject);
        let target = target.as_ref().map(|(action, resource)| Subject { action, resource, ..subject });
        let settings: Vec<_> = [Some(subject), target]
            .into_iter()
            .flatten()
            .filter_map(|subject| {
                let (principal, resource) =
                    (Node::principal(subject.principal), self.entities.resource(subject.resource));
                let (principal, resource) = (principal.ok()?, resource.ok()?);
                Some(self.index.permits_in_scope(&principal, &entities::action_uid(subject.action), &resource))
            })
            .flatten()
            .filter_map(|id| Some(&self.policy(self.rule(&id).ok()?.1).ok()?.1))
            .collect();
        let length = settings.iter().filter_map(|policy| policy.default_duration_seconds).min().unwrap_or(default);
        let maximum = settings.iter().map(|policy| policy.max_duration_seconds).min();
        maximum.map_or(length, |maximum| length.min(maximum))
    }

    /// What would be decided, with the caller's values over the context; reserved actions included.
    ///
    /// # Errors
    ///
    /// [`ContextError`] when `extra` does not fit the schema.
    pub fn evaluate(
        &self,
        question: &TrialQuestion<'_>,
        extra: Option<&Map<String, Value>>,
    ) -> Result<TrialResult, ContextError> {
        let TrialQuestion { principal, action, resource, requester, default_duration, .. } = *question;
        let kind = QuestionKind::of(action);
        let (role, duration) = if kind == QuestionKind::Access {
            let duration = self.duration(principal, action, resource, None, default_duration);
            (self.role_of(action, resource), duration)
        } else {
            let given = extra.and_then(|extra| extra.get("role")).and_then(Value::as_str);
            let is_set = resource.kind().actions() == Actions::Assume;
            let role = if is_set { self.role_of(ASSUME, resource) } else { given.map(str::to_owned) };
            let asked = if is_set { Some(ASSUME) } else { role.as_deref() };
            let duration = requester.zip(asked).map_or(default_duration, |(requester, asked)| {
                self.duration(requester, asked, resource, None, default_duration)
            });
            (role, duration)
        };
        let mut facts = ContextFields::of_trial(question, duration, self.entities.account_of(resource), role);
        if let Some(extra) = extra {
            facts.merge(extra)?;
        }
        let subject = Subject { principal, action, resource, requester };
        let decision = match kind {
            QuestionKind::Access => self.judge_access(&subject, &facts),
            QuestionKind::Approve | QuestionKind::Revoke if facts.role.is_none() => {
                let expected = "the permission set or action of the access that is decided on";
                return Err(ContextError::Missing { field: "role", expected });
            }
            QuestionKind::Approve => self.judge_targets(&subject, &facts),
            QuestionKind::Revoke => self.judge_revocation(&subject, &facts),
        };
        Ok(TrialResult { decision, context: facts.json() })
    }

    /// Whether somebody may decide on a request: the proof of it, or the decision that denies.
    ///
    /// Policies are asked about `approve`. That nobody decides an own request is for the caller to see to.
    ///
    /// # Errors
    ///
    /// The denying [`PolicyDecision`], for its notices.
    pub fn authorize_approve(&self, question: &DecisionQuestion<'_>) -> Result<Permit<Approve>, Box<PolicyDecision>> {
        let (subject, facts) = self.decision_question(Approve::ACTION, question);
        permit(self.judge_targets(&subject, &facts))
    }

    /// Whether somebody may end a grant: the proof of it, or the decision that denies. Who may approve such an access
    /// may also end it.
    ///
    /// # Errors
    ///
    /// The denying [`PolicyDecision`], for its notices.
    pub fn authorize_revoke(&self, question: &DecisionQuestion<'_>) -> Result<Permit<Revoke>, Box<PolicyDecision>> {
        let (subject, facts) = self.decision_question(Revoke::ACTION, question);
        permit(self.judge_revocation(&subject, &facts))
    }

    /// Whether there is a resource on which the principal could be permitted the act: `false` is sure, and quick to tell.
    #[must_use]
    pub fn might_authorize<A: Authority>(&self, principal: &Principal) -> bool {
        Node::principal(principal).is_ok_and(|node| self.index.has_any(&node, &entities::action_uid(A::ACTION)))
    }

    fn decision_question<'a>(
        &self,
        action: &'a str,
        question: &'a DecisionQuestion<'_>,
    ) -> (Subject<'a>, ContextFields) {
        let DecisionQuestion { principal, resource, requester, decided, .. } = question;
        let role = self.role_of(decided.action, resource).unwrap_or_else(|| decided.action.to_owned());
        let facts =
            ContextFields::of_decision(QuestionKind::of(action), question, self.entities.account_of(resource), role);
        (Subject { principal, action, resource, requester: Some(requester) }, facts)
    }

    /// The name of the permission set that gives an action, where one does.
    fn role_of(&self, action: &str, resource: &ResourceRef) -> Option<String> {
        match resource.kind().actions() {
            Actions::PermissionSets => Some(action.to_owned()),
            Actions::Assume => self.entities.name_of(resource).map(str::to_owned),
            Actions::Data(_) => None,
        }
    }

    /// The other question that is about the same access: of a permission set asked for by its ARN, its name on its
    /// account.
    fn target_of(&self, subject: &Subject<'_>) -> Option<(String, ResourceRef)> {
        if subject.resource.kind() != ResourceType::AwsPermissionSet {
            return None;
        }
        let account = self.entities.account_of(subject.resource)?;
        let account = ResourceRef::new(ResourceType::AwsAccount, account).ok()?;
        let action = match QuestionKind::of(subject.action) {
            QuestionKind::Access => self.entities.name_of(subject.resource)?,
            QuestionKind::Approve | QuestionKind::Revoke => subject.action,
        };
        Some((action.to_owned(), account))
    }

    /// What is not offered cannot be asked for. Who could be permitted such a resource is told so; everybody else is
    /// denied as for any resource on which nothing is permitted to them, so nobody finds out what exists.
    fn judge_access(&self, subject: &Subject<'_>, facts: &ContextFields) -> PolicyDecision {
        let decision = self.judge_targets(subject, facts);
        if self.entities.is_offered(subject.resource) || decision.fault.is_some() {
            return decision;
        }
        if decision.is_permitted() || self.is_applicable(subject) && self.could_be_permitted(subject) {
            return PolicyDecision::unknown_resource(subject.resource);
        }
        decision
    }

    /// The decision on `revoke`, or in its place one on `approve` that permits.
    fn judge_revocation(&self, subject: &Subject<'_>, facts: &ContextFields) -> PolicyDecision {
        let decision = self.judge_targets(subject, facts);
        if decision.is_permitted() || decision.fault.is_some() {
            return decision;
        }
        let facts = ContextFields { kind: QuestionKind::Approve, ..facts.clone() };
        let approval = self.judge_targets(&Subject { action: Approve::ACTION, ..*subject }, &facts);
        if approval.is_permitted() { approval } else { decision }
    }

    /// The decision on a question and on each target of it: as asked it must be permitted, no rule may forbid a target,
    /// and the strictest terms hold.
    fn judge_targets(&self, subject: &Subject<'_>, facts: &ContextFields) -> PolicyDecision {
        let decision = self.judge(subject, facts);
        if !decision.is_permitted() {
            return decision;
        }
        let Some((action, resource)) = self.target_of(subject) else { return decision };
        if facts.kind == QuestionKind::Access && RESERVED_ACTIONS.contains(&action.as_str()) {
            return PolicyDecision::denied(format!("a permission set named `{action}` cannot be asked for"));
        }
        let target = self.judge(&Subject { action: &action, resource: &resource, ..*subject }, facts);
        if target.fault.is_some() || target.outcome == PolicyOutcome::Denied && !target.determining.is_empty() {
            return PolicyDecision { errors: [decision.errors, target.errors.clone()].concat(), ..target };
        }
        decision.and_target(target)
    }

    fn is_applicable(&self, subject: &Subject<'_>) -> bool {
        self.actions.get(subject.action).is_some_and(|types| types.contains(&subject.resource.kind()))
    }

    fn could_be_permitted(&self, subject: &Subject<'_>) -> bool {
        let (principal, resource) = (Node::principal(subject.principal), self.entities.resource(subject.resource));
        let (Ok(principal), Ok(resource)) = (principal, resource) else { return false };
        self.index.could_permit(&principal, &entities::action_uid(subject.action), &resource)
    }

    fn judge(&self, subject: &Subject<'_>, facts: &ContextFields) -> PolicyDecision {
        if !self.is_applicable(subject) {
            // Which permission sets there are is told to those who could be permitted one.
            if !self.could_be_permitted(subject) {
                return PolicyDecision::denied(NO_RULE_PERMITS.to_owned());
            }
            let kind = subject.resource.kind();
            return PolicyDecision::denied(format!(
                "`{}` is not an action on resources of type `{kind}`",
                subject.action
            ));
        }
        if entities::poses_as_group(&subject.principal.who) || facts.requesters().any(entities::is_group_as_user) {
            return PolicyDecision::denied(
                "a subject that begins with `group:` stands for a group and is nobody".to_owned(),
            );
        }
        // None of the faults below can come from a caller: everything was checked when it was parsed. Should one
        // happen all the same, nothing is permitted and the reason says so.
        self.put(subject, facts).unwrap_or_else(|fault| {
            let mut decision = PolicyDecision::denied("the policies could not be evaluated".to_owned());
            decision.fault = Some(fault);
            decision
        })
    }

    fn put(&self, subject: &Subject<'_>, facts: &ContextFields) -> Result<PolicyDecision, String> {
        let principal = Node::principal(subject.principal)?;
        let resource = self.entities.resource(subject.resource).map_err(|error| error.to_string())?;
        let action = entities::action_uid(subject.action);
        let candidates = self.index.candidates(&principal, &action, &resource);
        let mut errors = Vec::new();
        if !candidates.is_empty() {
            let entities = self.slice(subject, facts, &principal, &resource, &candidates)?;
            let context = facts.context()?;
            let request =
                Request::new(principal.uid, action, resource.uid, context, None).map_err(|error| error.to_string())?;
            for cells in candidates.chunk_by(|left, right| left.rank == right.rank) {
                if let Some(decision) = self.decide_group(cells, &request, &entities, &mut errors)? {
                    return Ok(decision);
                }
            }
        }
        Ok(PolicyDecision::new(PolicyOutcome::Denied, Vec::new(), NO_RULE_PERMITS.to_owned(), errors))
    }

    /// The entities a candidate's evaluation can reach: those of the question and those the conditions name. No
    /// attribute of an entity holds another entity; of the context only the requester does.
    fn slice(
        &self,
        subject: &Subject<'_>,
        facts: &ContextFields,
        principal: &Node,
        resource: &Node,
        candidates: &[&IndexEntry],
    ) -> Result<Entities, String> {
        let mut entities: HashMap<EntityUid, Entity> = HashMap::new();
        for literal in candidates.iter().flat_map(|cell| &cell.literals) {
            if let Some(node) = self.entities.get(literal) {
                entities.insert(node.uid.clone(), node.entity.clone());
            }
        }
        for uid in facts.requesters() {
            let known = subject.requester.filter(|known| entities::principal_uid(&known.who) == *uid);
            let requester = match known {
                Some(known) => Node::principal(known)?,
                None => Node::stranger(uid)?,
            };
            entities.insert(requester.uid, requester.entity);
        }
        // Last, for what is known of the caller now holds over what the request said of the same person then.
        entities.insert(principal.uid.clone(), principal.entity.clone());
        entities.insert(resource.uid.clone(), resource.entity.clone());
        Entities::from_entities(entities.into_values(), None).map_err(|error| error.to_string())
    }
}

/// The same words whether or not a rule is about the resource, and whether or not it exists: they would tell what is there.
const NO_RULE_PERMITS: &str = "no rule permits this request";

/// The proof of a decision that permits.
fn permit<A: Authority>(decision: PolicyDecision) -> Result<Permit<A>, Box<PolicyDecision>> {
    if decision.is_permitted() { Ok(Permit::by_rules(decision.determining_rules())) } else { Err(Box::new(decision)) }
}
