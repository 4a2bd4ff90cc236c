//! Compiles policies, and decides.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{Authorizer, Effect as CedarEffect, Entities, EntityUid, PolicyId as CedarId};
use cedar_policy::{Entity, Request};
use serde_json::{Map, Value};

use super::bounds;
use super::decision::{Decision, Determining, Outcome, RuleError};
use super::facts::{ContextError, Facts, QuestionContext};
use super::index::{Cell, Index, IndexBuilder};
use super::model::{Directory, RESERVED_ACTIONS};
use super::permit::{Approve, Authority, Permit, Revoke};
use super::stored::StoredRule;
use super::world::{self, Node, World};
use crate::domain::{
    ApprovalMode, Effect, Policy, PolicyId, PolicySettings, Principal, ResourceRef, ResourceType, RuleId, Seconds,
    Terms,
};

/// How long a request waits for people when no policy says.
const DEFAULT_APPROVAL_TIMEOUT: Seconds = Seconds::constant::<10_800>();

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What for, verbatim.
    pub action: &'a str,
    /// Of what.
    pub resource: &'a ResourceRef,
    /// The circumstances.
    pub context: QuestionContext<'a>,
}

/// Policies that cannot be compiled. Nothing is permitted until they can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// There are too many rules.
    #[error("rule `{rule_id}` of policy `{policy_id}` cannot be compiled: {message}")]
    Rule {
        /// The policy.
        policy_id: PolicyId,
        /// The rule.
        rule_id: RuleId,
        /// What Cedar says.
        message: String,
    },
    /// The directory does not make a hierarchy.
    #[error("{0}")]
    World(String),
}

/// What a decision says of a rule.
#[derive(Debug)]
struct RuleInfo {
    rule_id: RuleId,
    /// The place of its policy in `Engine::policies`.
    policy: usize,
    effect: Effect,
    notice: Option<String>,
    audit_session: bool,
    /// Why it cannot be evaluated, if its text cannot be compiled.
    broken: Option<String>,
}

/// A tenant's policies, ready to decide.
#[derive(Debug)]
pub struct Engine {
    world: World,
    index: Index,
    actions: BTreeMap<String, BTreeSet<ResourceType>>,
    /// Cedar knows a rule by its place in here.
    rules: Vec<RuleInfo>,
    policies: Vec<(PolicyId, PolicySettings)>,
    authorizer: Authorizer,
}

impl Engine {
    /// Compiles the rules of the enabled policies. This is the expensive part; a decision looks at few rules.
    ///
    /// # Errors
    ///
    /// [`CompileError`] when the directory is no hierarchy or there are too many rules. A rule that does not parse is
    /// none: it fails closed by itself.
    pub fn compile(directory: &Directory, policies: &[Policy]) -> Result<Self, CompileError> {
        let world = World::new(directory).map_err(|error| CompileError::World(error.to_string()))?;
        let enabled: Vec<_> = policies.iter().filter(|policy| policy.enabled).collect();
        let mut priorities: Vec<_> = enabled.iter().map(|policy| policy.priority).collect();
        priorities.sort_unstable_by(|left, right| right.cmp(left));
        priorities.dedup();
        let ranks: HashMap<_, _> = priorities.into_iter().zip(0_usize..).collect();

        let mut rules = Vec::new();
        let mut index = IndexBuilder::default();
        for (place, policy) in enabled.iter().enumerate() {
            let rank = ranks.get(&policy.priority).copied().unwrap_or_default();
            for rule in &policy.rules {
                let refuse = |message| CompileError::Rule { policy_id: policy.id, rule_id: rule.id, message };
                let StoredRule { cedar, broken } =
                    StoredRule::compile(&CedarId::new(rules.len().to_string()), rule).map_err(refuse)?;
                if !index.add(rank, &cedar) {
                    return Err(refuse("there are too many rules".to_owned()));
                }
                rules.push(RuleInfo {
                    rule_id: rule.id,
                    policy: place,
                    // What the text says decides, not the fields beside it.
                    effect: match cedar.effect() {
                        CedarEffect::Permit => Effect::Permit,
                        CedarEffect::Forbid => Effect::Forbid,
                    },
                    notice: rule.notice.clone(),
                    audit_session: rule.audit_session,
                    broken,
                });
            }
        }
        Ok(Self {
            world,
            index: index.build().map_err(CompileError::World)?,
            actions: directory.actions(),
            rules,
            policies: enabled.into_iter().map(|policy| (policy.id, policy.settings.clone())).collect(),
            authorizer: Authorizer::new(),
        })
    }

    /// Decides a request for access. The reserved actions are none: they are denied.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        if RESERVED_ACTIONS.contains(&question.action) {
            return Decision::denied(format!("`{}` is reserved and not an access to ask for", question.action));
        }
        self.weigh(question, self.facts(question))
    }

    /// What would be decided, with the caller's values over the context; reserved actions included.
    ///
    /// # Errors
    ///
    /// [`ContextError`] when `extra` does not fit the schema.
    pub fn evaluate(
        &self,
        question: &Question<'_>,
        extra: Option<&Map<String, Value>>,
    ) -> Result<Decision, ContextError> {
        let mut facts = self.facts(question);
        if let Some(extra) = extra {
            facts.merge(extra)?;
        }
        Ok(self.weigh(question, facts))
    }

    /// Whether the principal may decide requests for the resource: the proof of it, or the decision that denies.
    ///
    /// Policies are asked about `approve`. That nobody decides an own request is for the caller to see to.
    ///
    /// # Errors
    ///
    /// The denying [`Decision`], for its notices.
    pub fn authorize_approve(
        &self,
        principal: &Principal,
        resource: &ResourceRef,
        context: QuestionContext<'_>,
    ) -> Result<Permit<Approve>, Box<Decision>> {
        self.authorize(principal, resource, context)
    }

    /// Whether the principal may end grants on the resource: the proof of it, or the decision that denies.
    ///
    /// # Errors
    ///
    /// The denying [`Decision`], for its notices.
    pub fn authorize_revoke(
        &self,
        principal: &Principal,
        resource: &ResourceRef,
        context: QuestionContext<'_>,
    ) -> Result<Permit<Revoke>, Box<Decision>> {
        self.authorize(principal, resource, context)
    }

    /// Whether there is a resource on which the principal could be permitted the act: `false` is sure, and quick to tell.
    #[must_use]
    pub fn might_authorize<A: Authority>(&self, principal: &Principal) -> bool {
        Node::principal(principal).is_ok_and(|node| self.index.has_any(&node, &world::action_uid(A::ACTION)))
    }

    fn authorize<A: Authority>(
        &self,
        principal: &Principal,
        resource: &ResourceRef,
        context: QuestionContext<'_>,
    ) -> Result<Permit<A>, Box<Decision>> {
        let question = Question { principal, action: A::ACTION, resource, context };
        let decision = self.weigh(&question, self.facts(&question));
        if decision.is_permitted() {
            Ok(Permit::by_rules(decision.determining.into_iter().map(|rule| rule.rule_id).collect()))
        } else {
            Err(Box::new(decision))
        }
    }

    fn facts(&self, question: &Question<'_>) -> Facts {
        let named_by_action = match question.resource.kind() {
            ResourceType::AwsAccount | ResourceType::AwsOrganizationalUnit => {
                Some(question.action).filter(|action| !RESERVED_ACTIONS.contains(action))
            }
            ResourceType::AwsPermissionSet
            | ResourceType::AwsS3Bucket
            | ResourceType::AwsRdsInstance
            | ResourceType::AwsEc2Instance => None,
        };
        let account = self.world.account_of(question.resource);
        Facts::new(&question.context, account, question.context.role.or(named_by_action))
    }

    fn weigh(&self, question: &Question<'_>, facts: Facts) -> Decision {
        let kind = question.resource.kind();
        if !self.actions.get(question.action).is_some_and(|types| types.contains(&kind)) {
            return Decision::denied(format!("`{}` is not an action on resources of type `{kind}`", question.action));
        }
        if world::poses_as_group(&question.principal.who) || facts.requesters().any(world::is_group_as_user) {
            return Decision::denied("a subject that begins with `group:` stands for a group and is nobody".to_owned());
        }
        // None of the faults below can come from a caller: everything was checked when it was parsed. Should one
        // happen all the same, nothing is permitted and the reason says so.
        self.put(question, facts).unwrap_or_else(|fault| {
            let mut decision = Decision::denied("the policies could not be evaluated".to_owned());
            decision.fault = Some(fault);
            decision
        })
    }

    fn put(&self, question: &Question<'_>, facts: Facts) -> Result<Decision, String> {
        let principal = Node::principal(question.principal)?;
        let resource = self.world.resource(question.resource).map_err(|error| error.to_string())?;
        let action = world::action_uid(question.action);
        let candidates = self.index.candidates(&principal, &action, &resource);
        if candidates.is_empty() {
            return Ok(Decision::denied("no rule is about this request".to_owned()));
        }

        let entities = self.slice(question, &facts, &principal, &resource, &candidates)?;
        let context = facts.into_context()?;
        let request =
            Request::new(principal.uid, action, resource.uid, context, None).map_err(|error| error.to_string())?;

        let mut errors = Vec::new();
        for cells in candidates.chunk_by(|left, right| left.rank == right.rank) {
            if let Some(decision) = self.decide_group(cells, &request, &entities, &mut errors)? {
                return Ok(decision);
            }
        }
        Ok(Decision::new(Outcome::Denied, Vec::new(), "no rule permits this request".to_owned(), errors))
    }

    /// The entities a candidate's evaluation can reach: those of the question and those the conditions name. No
    /// attribute of an entity holds another entity; of the context only the requester does.
    fn slice(
        &self,
        question: &Question<'_>,
        facts: &Facts,
        principal: &Node,
        resource: &Node,
        candidates: &[&Cell],
    ) -> Result<Entities, String> {
        let mut entities: HashMap<EntityUid, Entity> = HashMap::new();
        for literal in candidates.iter().flat_map(|cell| &cell.literals) {
            if let Some(node) = self.world.get(literal) {
                entities.insert(node.uid.clone(), node.entity.clone());
            }
        }
        for uid in facts.requesters() {
            let known = question.context.requester.filter(|known| world::principal_uid(&known.who) == *uid);
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

    /// What the rules of one priority decide, if they do.
    fn decide_group(
        &self,
        cells: &[&Cell],
        request: &Request,
        entities: &Entities,
        errors: &mut Vec<RuleError>,
    ) -> Result<Option<Decision>, String> {
        // By place, so that the order is that of the policies.
        let mut satisfied = BTreeMap::new();
        let mut failed = BTreeMap::new();
        for cell in cells {
            let answer = bounds::with_stack(|| self.authorizer.is_authorized(request, &cell.rules, entities));
            for id in answer.diagnostics().reason() {
                let (place, rule) = self.rule(id)?;
                match &rule.broken {
                    Some(message) => drop(failed.insert(place, (rule, message.clone()))),
                    None => drop(satisfied.insert(place, rule)),
                }
            }
            for error in answer.diagnostics().errors() {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                let (place, rule) = self.rule(error.policy_id())?;
                failed.insert(place, (rule, error.inner().to_string()));
            }
        }
        for (place, (rule, message)) in failed {
            errors.push(RuleError { policy_id: self.policy(rule)?.0, rule_id: rule.rule_id, message });
            // A forbid that cannot be evaluated forbids; Cedar would skip it.
            if rule.effect == Effect::Forbid {
                satisfied.insert(place, rule);
            }
        }

        let (forbids, permits): (Vec<_>, Vec<_>) =
            satisfied.into_values().partition(|rule| rule.effect == Effect::Forbid);
        let errors = || errors.clone();
        if !forbids.is_empty() {
            let reason = "a rule forbids this request".to_owned();
            return Ok(Some(Decision::new(Outcome::Denied, self.determining(&forbids)?, reason, errors())));
        }
        if permits.is_empty() {
            return Ok(None);
        }
        let terms = self.terms(&permits)?;
        let reason = match terms.approval_mode {
            ApprovalMode::Auto => "a rule permits this request".to_owned(),
            ApprovalMode::Require => "a rule permits this request once it is approved".to_owned(),
        };
        Ok(Some(Decision::new(Outcome::Permitted(terms), self.determining(&permits)?, reason, errors())))
    }

    fn rule(&self, id: &CedarId) -> Result<(usize, &RuleInfo), String> {
        let text: &str = id.as_ref();
        let place = text.parse().map_err(|_| format!("no rule is known as `{text}`"))?;
        self.rules.get(place).map(|rule| (place, rule)).ok_or_else(|| format!("no rule is known as `{text}`"))
    }

    fn policy(&self, rule: &RuleInfo) -> Result<&(PolicyId, PolicySettings), String> {
        self.policies.get(rule.policy).ok_or_else(|| format!("the policy of rule `{}` is not known", rule.rule_id))
    }

    fn determining(&self, rules: &[&RuleInfo]) -> Result<Vec<Determining>, String> {
        let determining = rules.iter().map(|rule| {
            Ok(Determining { policy_id: self.policy(rule)?.0, rule_id: rule.rule_id, notice: rule.notice.clone() })
        });
        determining.collect()
    }

    fn terms(&self, permits: &[&RuleInfo]) -> Result<Terms, String> {
        let settings = permits.iter().map(|rule| Ok(&self.policy(rule)?.1)).collect::<Result<Vec<_>, String>>()?;
        let audit_session = permits.iter().any(|rule| rule.audit_session);
        strictest(&settings, audit_session).ok_or_else(|| "terms of no permit".to_owned())
    }
}

/// The strictest of each setting; none of none.
fn strictest(settings: &[&PolicySettings], audit_session: bool) -> Option<Terms> {
    let max_duration_seconds = settings.iter().map(|policy| policy.max_duration_seconds).min()?;
    let mut ticket_patterns: Vec<String> = Vec::new();
    for pattern in settings.iter().filter_map(|policy| policy.ticket_pattern.as_ref()) {
        if !ticket_patterns.contains(pattern) {
            ticket_patterns.push(pattern.clone());
        }
    }
    let default = settings.iter().filter_map(|policy| policy.default_duration_seconds).min();
    let timeouts = settings.iter().map(|policy| policy.approval_timeout_seconds.unwrap_or(DEFAULT_APPROVAL_TIMEOUT));
    Some(Terms {
        approval_mode: settings.iter().map(|policy| policy.approval_mode).max()?,
        max_duration_seconds,
        // The default of one policy may be longer than the maximum of another.
        default_duration_seconds: default.map(|default| default.min(max_duration_seconds)),
        approval_timeout_seconds: timeouts.min()?,
        required_approvals: settings.iter().map(|policy| policy.required_approvals).max()?,
        require_reason: settings.iter().any(|policy| policy.require_reason),
        ticket_patterns,
        audit_session,
    })
}
