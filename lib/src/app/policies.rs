//! Creating, changing and deleting policies.

mod reorder;

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::change::{About, Subject, metadata, record};
use super::{AccessError, Change, IfMatch, OperationContext, TenantEngine};
use crate::domain::{EventKind, EventSubject, Metadata, Policy, PolicyId, PolicySettings, Rule, RuleId};
use crate::policy::{ParsedRule, PolicyErrors, Problem, Report, parse_policy_set, parse_rule, validate};
use crate::store::StoreError;

pub use reorder::reorder;

/// The lowest and the highest priority.
const PRIORITIES: std::ops::RangeInclusive<i32> = -1_000_000..=1_000_000;
pub(super) const MOST_RULES: usize = 200;
/// The most bytes of a policy. It is one item of at most 400 KB, and so is the stored answer for an `Idempotency-Key`,
/// which contains the policy and its text once more.
const MOST_BYTES: usize = 300_000;

const MAX_NAME: usize = 128;
const MAX_DESCRIPTION: usize = 1_000;
const MAX_CHANNEL: usize = 128;
const MAX_PATTERN: usize = 256;
const APPROVALS: std::ops::RangeInclusive<u32> = 1..=10;

/// The fields of a policy that a caller sets, besides its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFields {
    /// The name of the policy.
    pub name: String,
    /// What the policy is for; `None` if not described.
    pub description: Option<String>,
    /// Whether its rules are evaluated.
    pub enabled: bool,
    /// Policies of a higher priority decide first.
    pub priority: i32,
    /// What it demands of a request it permits.
    pub settings: PolicySettings,
}

impl PolicyFields {
    fn of(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            description: policy.description.clone(),
            enabled: policy.enabled,
            priority: policy.priority,
            settings: policy.settings.clone(),
        }
    }

    /// The policy with these fields; all others from `rest`.
    fn with(self, rest: Policy) -> Policy {
        let Self { name, description, enabled, priority, settings } = self;
        Policy { name, description, enabled, priority, settings, ..rest }
    }

    fn check(&self) -> Result<(), AccessError> {
        let settings = &self.settings;
        length("name", Some(&self.name), 1, MAX_NAME)?;
        length("description", self.description.as_ref(), 0, MAX_DESCRIPTION)?;
        length("notification_channel", settings.notification_channel.as_ref(), 1, MAX_CHANNEL)?;
        length("ticket_pattern", settings.ticket_pattern.as_ref(), 1, MAX_PATTERN)?;
        if !PRIORITIES.contains(&self.priority) {
            let (lowest, highest) = (PRIORITIES.start(), PRIORITIES.end());
            return Err(AccessError::input("priority", format!("must be between {lowest} and {highest}")));
        }
        if !APPROVALS.contains(&settings.required_approvals) {
            let (fewest, most) = (APPROVALS.start(), APPROVALS.end());
            return Err(AccessError::input("required_approvals", format!("must be between {fewest} and {most}")));
        }
        if settings.default_duration_seconds.is_some_and(|default| default > settings.max_duration_seconds) {
            return Err(AccessError::input("default_duration_seconds", "must not exceed `max_duration_seconds`"));
        }
        if let Some(Err(error)) = settings.ticket_pattern.as_deref().map(regex::Regex::new) {
            let text = error.to_string();
            // The lines before the last one show the pattern with a marker.
            let said = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            return Err(AccessError::input("ticket_pattern", format!("is not a regular expression: {said}")));
        }
        Ok(())
    }
}

fn length(field: &'static str, text: Option<&String>, shortest: usize, longest: usize) -> Result<(), AccessError> {
    match text.map(|text| text.chars().count()) {
        Some(length) if !(shortest..=longest).contains(&length) => {
            Err(AccessError::input(field, format!("must be {shortest} to {longest} characters; it has {length}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Unwraps a policy that was read.
///
/// # Errors
///
/// [`AccessError::NotFound`] if there is none.
pub fn found(policy: Option<Policy>) -> Result<Policy, AccessError> {
    policy.ok_or(AccessError::NotFound("there is no such policy"))
}

/// Applies `form` to each of the tenant's policies, with a sort key: the highest priority first, and the oldest first
/// among equal ones.
///
/// # Errors
///
/// [`AccessError`] if the policies cannot be read.
pub async fn in_order<T>(
    access: &OperationContext,
    form: impl Fn(&Policy) -> T,
) -> Result<Vec<((Reverse<i32>, PolicyId), T)>, AccessError> {
    // Ids sort by creation time.
    let keyed = |policy: &Policy| ((Reverse(policy.priority), policy.id), form(policy));
    match access.engine().await {
        Ok(engine) => Ok(engine.policies.iter().map(keyed).collect()),
        // Policies that do not compile are still listed, since nobody could fix them otherwise.
        Err(AccessError::Policies(_)) => Ok(access.table().list_all::<Policy>().await?.iter().map(keyed).collect()),
        Err(error) => Err(error),
    }
}

/// Creates a policy with the rules in `cedar`. The answer includes warnings about the text.
///
/// # Errors
///
/// [`AccessError`] if a field is not allowed, or the text is not valid.
pub async fn create(
    access: &OperationContext,
    fields: PolicyFields,
    cedar: Option<&str>,
) -> Result<(Change<Policy>, Vec<Problem>), AccessError> {
    fields.check()?;
    let (rules, warnings) = match cedar {
        Some(text) => statements(&*access.engine().await?, text)?,
        None => (Vec::new(), Vec::new()),
    };
    let PolicyFields { name, description, enabled, priority, settings } = fields;
    let now = access.now();
    let policy = Policy {
        id: access.id(),
        name,
        description,
        enabled,
        priority,
        settings,
        rules: replaced(Vec::new(), rules, now, || access.id()),
        version: 0,
        created_at: now,
        updated_at: now,
    };
    check_size(&policy)?;
    let mut writes = access.begin();
    writes.create(&policy)?;
    writes.policies_changed();
    record(access, &mut writes, EventKind::PolicyCreated, &policy)?;
    Ok((Change::new(writes, policy).at_version(0), warnings))
}

/// Changes the fields of a policy with `edit`, and replaces its rules with those in `cedar` if that is given. A rule
/// whose text did not change, or that has the `@id` of a former one, keeps its id. The answer includes warnings about
/// the text.
///
/// # Errors
///
/// [`AccessError`] if there is no such policy, its version is not the expected one, a field is not allowed, or the text
/// is not valid.
pub async fn update(
    access: &OperationContext,
    policy: Option<Policy>,
    expected: &IfMatch,
    edit: impl FnOnce(PolicyFields) -> PolicyFields,
    cedar: Option<&str>,
) -> Result<(Change<Policy>, Vec<Problem>), AccessError> {
    let before = found(policy)?;
    let fields = edit(PolicyFields::of(&before));
    fields.check()?;
    let mut after = fields.with(before.clone());
    let mut warnings = Vec::new();
    if let Some(text) = cedar {
        let parsed;
        (parsed, warnings) = statements(&*access.engine().await?, text)?;
        after.rules = replaced(after.rules, parsed, access.now(), || access.id());
    }
    // Invalid input is reported first, whatever the version is (RFC 9110, section 13.2.1).
    expected.check(before.version)?;
    Ok((save(access, &before, after)?, warnings))
}

/// Deletes a policy.
///
/// # Errors
///
/// [`AccessError`] if there is no such policy, or its version is not the expected one.
pub fn delete(
    access: &OperationContext,
    policy: Option<Policy>,
    expected: &IfMatch,
) -> Result<Change<()>, AccessError> {
    let policy = found(policy)?;
    expected.check(policy.version)?;
    let mut writes = access.begin();
    writes.delete(&policy);
    writes.policies_changed();
    record(access, &mut writes, EventKind::PolicyDeleted, &policy)?;
    Ok(Change::new(writes, ()))
}

/// Validates a text against the tenant's schema.
///
/// # Errors
///
/// [`AccessError`] if there is no schema to validate against.
pub async fn validation(access: &OperationContext, text: &str) -> Result<Report, AccessError> {
    let engine = access.engine().await?;
    Ok(validate(text, &engine.schema, &engine.directory))
}

/// Warnings about a text that is already stored; empty if the tenant's other policies do not compile.
pub(super) async fn warnings(access: &OperationContext, text: &str) -> Result<Vec<Problem>, AccessError> {
    match validation(access, text).await {
        Ok(report) => Ok(report.warnings),
        Err(AccessError::Policies(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Writes a changed policy with its event; writes nothing if nothing changed.
pub(super) fn save(
    access: &OperationContext,
    before: &Policy,
    mut after: Policy,
) -> Result<Change<Policy>, AccessError> {
    let mut writes = access.begin();
    if after != *before {
        check_size(&after)?;
        after.updated_at = access.now();
        writes.update(&after)?;
        writes.policies_changed();
        let mut about = after.about();
        about.metadata.extend([("changed".to_owned(), Value::Object(changed(before, &after)?))]);
        writes.event(access.event(EventKind::PolicyUpdated, about))?;
        after.version += 1;
    }
    let version = after.version;
    Ok(Change::new(writes, after).at_version(version))
}

impl Subject for Policy {
    fn about(&self) -> About {
        let metadata = metadata([
            ("policy_id", self.id.to_string().into()),
            ("name", self.name.clone().into()),
            ("enabled", self.enabled.into()),
            ("priority", self.priority.into()),
            ("rule_count", self.rules.len().into()),
        ]);
        About { resource_type: EventSubject::Policy, resource_id: self.id.to_string(), metadata, reasoning: None }
    }
}

/// The differences for the event: the old and new value of each changed field, and the rules.
fn changed(before: &Policy, after: &Policy) -> Result<Metadata, StoreError> {
    let unstorable = |error: serde_json::Error| StoreError::Unstorable(error.to_string());
    let (from, to) = (json_of(before).map_err(unstorable)?, json_of(after).map_err(unstorable)?);
    let mut changed: Metadata = to
        .iter()
        .filter(|(field, value)| from.get(*field) != Some(value))
        .filter(|(field, _)| !["rules", "version", "updated_at"].contains(&field.as_str()))
        .map(|(field, value)| (field.clone(), json!({"from": from.get(field), "to": value})))
        .collect();
    if before.rules != after.rules {
        let ids = |rules: &[Rule]| rules.iter().map(|rule| rule.id).collect::<Vec<RuleId>>();
        let (old, new) = (ids(&before.rules), ids(&after.rules));
        let altered = after.rules.iter().filter(|rule| {
            before.rules.iter().any(|former| former.id == rule.id && former.policy_text != rule.policy_text)
        });
        changed.insert(
            "rules".to_owned(),
            json!({
                "added": new.iter().filter(|id| !old.contains(id)).collect::<Vec<_>>(),
                "removed": old.iter().filter(|id| !new.contains(id)).collect::<Vec<_>>(),
                "changed": altered.map(|rule| rule.id).collect::<Vec<_>>(),
                "order": new,
            }),
        );
    }
    Ok(changed)
}

fn json_of(policy: &Policy) -> Result<Metadata, serde_json::Error> {
    serde_json::to_value(policy).and_then(serde_json::from_value)
}

/// The text of all rules.
pub(crate) fn assembled(rules: &[Rule]) -> String {
    rules.iter().map(|rule| rule.policy_text.as_str()).collect::<Vec<_>>().join("\n\n")
}

/// The approximate size of the item and its text, in bytes.
fn size(policy: &Policy) -> usize {
    serde_json::to_string(&(policy, assembled(&policy.rules))).map_or(usize::MAX, |text| text.len())
}

fn check_size(policy: &Policy) -> Result<(), AccessError> {
    check_count(policy.rules.len())?;
    let size = size(policy);
    if size > MOST_BYTES {
        let reason = format!("the policy is too large by {} bytes; split it into several", size - MOST_BYTES);
        return Err(AccessError::input("rules", reason));
    }
    Ok(())
}

fn check_count(rules: usize) -> Result<(), AccessError> {
    if rules > MOST_RULES {
        let reason = format!("a policy has at most {MOST_RULES} rules, not {rules}; split it into several");
        return Err(AccessError::input("rules", reason));
    }
    Ok(())
}

/// Parses a text that may be stored, and returns its statements and warnings.
fn statements(engine: &TenantEngine, text: &str) -> Result<(Vec<ParsedRule>, Vec<Problem>), AccessError> {
    let parsed = parse_policy_set(text).map_err(|errors| invalid(&errors))?;
    // Before the validation, which is costly.
    check_count(parsed.len())?;
    let warnings = check_schema(engine, text)?;
    Ok((parsed, warnings))
}

/// Checks, in strict mode, that a text fits the tenant's schema. Returns the warnings.
pub(super) fn check_schema(engine: &TenantEngine, text: &str) -> Result<Vec<Problem>, AccessError> {
    validate(text, &engine.schema, &engine.directory).into_result().map_err(|errors| invalid(&errors))
}

pub(super) fn invalid(errors: &PolicyErrors) -> AccessError {
    AccessError::InvalidPolicy(errors.problems().to_vec())
}

/// The rule for a statement.
pub(super) fn rule_as(id: RuleId, created_at: Timestamp, parsed: ParsedRule) -> Rule {
    let ParsedRule { text: policy_text, fields } = parsed;
    Rule {
        id,
        ordinal: 0,
        effect: fields.effect,
        policy_text,
        principal: fields.principal,
        action: fields.action,
        resource: fields.resource,
        conditions: fields.conditions,
        notice: fields.notice,
        audit_session: fields.audit_session,
        created_at,
    }
}

/// Numbers the rules from 0.
pub(super) fn numbered(rules: impl IntoIterator<Item = Rule>) -> Vec<Rule> {
    (0..).zip(rules).map(|(ordinal, rule)| Rule { ordinal, ..rule }).collect()
}

/// The rules for statements that replace former rules.
fn replaced(former: Vec<Rule>, parsed: Vec<ParsedRule>, now: Timestamp, new_id: impl Fn() -> RuleId) -> Vec<Rule> {
    let name = |parsed: &ParsedRule| parsed.fields.annotations.get("id").cloned();
    let named = |rule: Rule| (parse_rule(&rule.policy_text).ok().as_ref().and_then(name), rule);
    let mut former: Vec<_> = former.into_iter().map(named).collect();
    numbered(parsed.into_iter().map(|parsed| {
        let name = name(&parsed);
        let same = former
            .iter()
            .position(|(_, rule)| rule.policy_text == parsed.text)
            .or_else(|| former.iter().position(|(former_name, _)| former_name.is_some() && *former_name == name));
        let (id, created_at) = match same.map(|place| former.swap_remove(place).1) {
            Some(rule) => (rule.id, rule.created_at),
            None => (new_id(), now),
        };
        rule_as(id, created_at, parsed)
    }))
}

#[cfg(test)]
mod tests;
