//! Making, changing and deleting policies.

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
/// A policy is one item of at most 400 KB, and so is the kept answer to an `Idempotency-Key`, which holds the policy
/// and its text once more.
const MOST_BYTES: usize = 300_000;

const MAX_NAME: usize = 128;
const MAX_DESCRIPTION: usize = 1_000;
const MAX_CHANNEL: usize = 128;
const MAX_PATTERN: usize = 256;
const APPROVALS: std::ops::RangeInclusive<u32> = 1..=10;

/// What a caller sets of a policy, besides its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFields {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether its rules are looked at.
    pub enabled: bool,
    /// Policies of a higher priority decide first.
    pub priority: i32,
    /// What it asks of a request it permits.
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

    /// The policy of these fields, and what else there is to a policy.
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
            // Before its last line the error draws the pattern over several lines.
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

/// The policy, if there is one.
///
/// # Errors
///
/// [`AccessError::NotFound`] when there is none.
pub fn found(policy: Option<Policy>) -> Result<Policy, AccessError> {
    policy.ok_or(AccessError::NotFound("there is no such policy"))
}

/// What `form` makes of each of the tenant's policies, with the key that puts the highest priority first, and of one
/// priority the oldest.
///
/// # Errors
///
/// [`AccessError`] when they cannot be read.
pub async fn in_order<T>(
    access: &OperationContext,
    form: impl Fn(&Policy) -> T,
) -> Result<Vec<((Reverse<i32>, PolicyId), T)>, AccessError> {
    // Ids sort by the time they were made.
    let keyed = |policy: &Policy| ((Reverse(policy.priority), policy.id), form(policy));
    match access.engine().await {
        Ok(engine) => Ok(engine.policies.iter().map(keyed).collect()),
        // Policies that do not compile are still listed: nobody could mend them otherwise.
        Err(AccessError::Policies(_)) => Ok(access.table().list_all::<Policy>().await?.iter().map(keyed).collect()),
        Err(error) => Err(error),
    }
}

/// Makes a policy, of the rules `cedar` states. Answers with what in them is probably not meant, too.
///
/// # Errors
///
/// [`AccessError`] when a field cannot be what it is, or the text is not valid.
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

/// Changes a policy: its fields as `edit` says, and its rules to those `cedar` states, if it is given. A rule that is
/// stated as it was, or bears the `@id` of a former one, stays the same rule. Answers with what in `cedar` is probably not
/// meant, too.
///
/// # Errors
///
/// [`AccessError`] when there is no such policy, it is not of the version that was expected, a field cannot be what it
/// is, or the text is not valid.
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
    // What is bad is bad of any version (RFC 9110, section 13.2.1).
    expected.check(before.version)?;
    Ok((save(access, &before, after)?, warnings))
}

/// Deletes a policy.
///
/// # Errors
///
/// [`AccessError`] when there is no such policy, or it is not of the version that was expected.
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

/// What validation says of a text against the tenant's schema.
///
/// # Errors
///
/// [`AccessError`] when there is no schema to be had.
pub async fn validation(access: &OperationContext, text: &str) -> Result<Report, AccessError> {
    let engine = access.engine().await?;
    Ok(validate(text, &engine.schema, &engine.directory))
}

/// What is probably not meant in a text that is stored already; nothing, where the tenant's other policies do not compile.
pub(super) async fn warnings(access: &OperationContext, text: &str) -> Result<Vec<Problem>, AccessError> {
    match validation(access, text).await {
        Ok(report) => Ok(report.warnings),
        Err(AccessError::Policies(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Writes what has become of a policy, with its event; nothing, if it is what it was.
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

/// What is different, for the event: each field from what to what, and which rules.
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

/// About how long the item is, with the text once more.
fn size(policy: &Policy) -> usize {
    serde_json::to_string(&(policy, assembled(&policy.rules))).map_or(usize::MAX, |text| text.len())
}

fn check_size(policy: &Policy) -> Result<(), AccessError> {
    check_count(policy.rules.len())?;
    let size = size(policy);
    if size > MOST_BYTES {
        let reason = format!("the policy is too large by {} bytes; divide it into several", size - MOST_BYTES);
        return Err(AccessError::input("rules", reason));
    }
    Ok(())
}

fn check_count(rules: usize) -> Result<(), AccessError> {
    if rules > MOST_RULES {
        let reason = format!("a policy has at most {MOST_RULES} rules, not {rules}; divide it into several");
        return Err(AccessError::input("rules", reason));
    }
    Ok(())
}

/// The statements of a text that may be stored, and what in them is probably not meant.
fn statements(engine: &TenantEngine, text: &str) -> Result<(Vec<ParsedRule>, Vec<Problem>), AccessError> {
    let parsed = parse_policy_set(text).map_err(|errors| invalid(&errors))?;
    // Before the costly part.
    check_count(parsed.len())?;
    let warnings = check_schema(engine, text)?;
    Ok((parsed, warnings))
}

/// Checks, strictly, that a text fits the tenant's schema. Answers with what in it is probably not meant.
pub(super) fn check_schema(engine: &TenantEngine, text: &str) -> Result<Vec<Problem>, AccessError> {
    validate(text, &engine.schema, &engine.directory).into_result().map_err(|errors| invalid(&errors))
}

pub(super) fn invalid(errors: &PolicyErrors) -> AccessError {
    AccessError::InvalidPolicy(errors.problems().to_vec())
}

/// The rule of a statement.
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

/// Counts the rules anew, from 0.
pub(super) fn numbered(rules: impl IntoIterator<Item = Rule>) -> Vec<Rule> {
    (0..).zip(rules).map(|(ordinal, rule)| Rule { ordinal, ..rule }).collect()
}

/// The rules of statements that take the place of former rules.
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
