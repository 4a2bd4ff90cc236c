//! EventBridge Scheduler: one-time schedules that call a function.

use axum::http::StatusCode;
use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::permissions::{Permission, arn, everything, permission, text};
use super::service::{Invocation, StandIn};
use super::state::{Retry, Schedule, State};
use super::wire::{Answer, Failure, Request, page, read};
use super::{REGION, Services};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
    #[serde(default = "default_group")]
    group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted {
    name: String,
    #[serde(default = "default_group")]
    group_name: String,
    schedule_expression: String,
    schedule_expression_timezone: Option<String>,
    flexible_time_window: Option<Value>,
    target: Target,
    action_after_completion: Option<String>,
    state: Option<String>,
    client_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    arn: String,
    role_arn: String,
    input: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    group_name: Option<String>,
    #[serde(default)]
    name_prefix: String,
}

/// A schedule as it stands, for a test or a person to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleView {
    /// Its group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// When it fires.
    pub at: Timestamp,
    /// The function it calls.
    pub function: String,
    /// `Target.Input`, parsed.
    pub input: Value,
}

fn default_group() -> String {
    "default".to_owned()
}

pub(super) const STAND_IN: StandIn = StandIn {
    content_type: "application/json",
    answer: Services::scheduler,
    required_permissions,
    on_change: |services| services.delivery.queue_changed.notify_one(),
    statuses: &[
        ("ConflictException", StatusCode::CONFLICT),
        ("ResourceNotFoundException", StatusCode::NOT_FOUND),
        ("UnknownOperationException", StatusCode::NOT_FOUND),
        ("ThrottlingException", StatusCode::TOO_MANY_REQUESTS),
    ],
    ..StandIn::JSON_1_1
};

fn required_permissions(request: &Request, account: &str) -> Vec<Permission> {
    let (operation, input) = (request.operation.as_str(), &request.input);
    if !matches!(operation, "CreateSchedule" | "UpdateSchedule" | "DeleteSchedule") {
        return everything(request, account);
    }
    let name = format!("{}/{}", text(input, "GroupName"), text(input, "Name"));
    let schedule = permission("scheduler", operation, arn("scheduler", account, "schedule/", &name));
    // Whoever names the role it is to run as hands that role over.
    let role = input.pointer("/Target/RoleArn").and_then(Value::as_str);
    std::iter::once(schedule).chain(role.map(|role| permission("iam", "PassRole", role.to_owned()))).collect()
}

impl Services {
    fn scheduler(&self, call: &Invocation<'_>) -> Answer {
        let (operation, input) = (call.operation, call.input);
        match operation {
            "CreateSchedule" => self.create_schedule(read(input)?, input),
            "UpdateSchedule" => self.update_schedule(read(input)?, input),
            "GetSchedule" => {
                let named: Named = read(input)?;
                let state = self.store.lock();
                let schedule = state.schedules.get(&named.key()).ok_or_else(|| named.missing())?;
                Ok(self.schedule_document(schedule))
            }
            "DeleteSchedule" => {
                let named: Named = read(input)?;
                self.store.change(|state| match state.schedules.remove(&named.key()) {
                    Some(_) => Ok(json!({})),
                    None => Err(named.missing()),
                })
            }
            "ListSchedules" => {
                let list: List = read(input)?;
                let state = self.store.lock();
                if let Some(group) = &list.group_name {
                    known_group(&state, group)?;
                }
                let schedules = state.schedules.values().filter(|schedule| {
                    schedule.name.starts_with(&list.name_prefix)
                        && list.group_name.as_ref().is_none_or(|group| *group == schedule.group)
                });
                let schedules = schedules.map(|schedule| self.schedule_summary(schedule)).collect();
                drop(state);
                page("Schedules", schedules, input, 100)
            }
            "CreateScheduleGroup" => {
                let name = read::<Named>(input)?.name;
                valid_name(&name)?;
                self.store.change(|state| match state.schedule_groups.insert(name.clone()) {
                    true => Ok(json!({ "ScheduleGroupArn": self.arn("schedule-group", &name) })),
                    false => Err(Failure::conflict(format!("Schedule group {name} already exists."))),
                })
            }
            "GetScheduleGroup" => {
                let name = read::<Named>(input)?.name;
                known_group(&self.store.lock(), &name)?;
                Ok(self.group_document(&name))
            }
            "DeleteScheduleGroup" => {
                let name = read::<Named>(input)?.name;
                self.store.change(|state| {
                    known_group(state, &name)?;
                    state.schedule_groups.remove(&name);
                    state.schedules.retain(|_, schedule| schedule.group != name);
                    Ok(json!({}))
                })
            }
            "ListScheduleGroups" => {
                let state = self.store.lock();
                let groups = state.schedule_groups.iter();
                let groups = groups.map(|name| self.group_document(name)).collect();
                drop(state);
                page("ScheduleGroups", groups, input, 100)
            }
            _ => Err(Failure::unknown_operation(operation)),
        }
    }

    fn create_schedule(&self, wanted: Wanted, input: &Value) -> Answer {
        let schedule = self.schedule(wanted, input)?;
        let key = key(&schedule.group, &schedule.name);
        let answer = json!({ "ScheduleArn": self.arn("schedule", &key) });
        self.store.change(|state| {
            known_group(state, &schedule.group)?;
            match state.schedules.get(&key) {
                // A client token makes a repeated call the same call.
                Some(known) if known.client_token.is_some() && known.client_token == schedule.client_token => {}
                Some(_) => {
                    return Err(Failure::conflict(format!("Schedule {} already exists.", schedule.name)));
                }
                None => {
                    let revision = state.next_number();
                    state.schedules.insert(key, Schedule { revision, ..schedule });
                }
            }
            Ok(answer)
        })
    }

    /// An update replaces everything but the name, the group and the creation date.
    fn update_schedule(&self, wanted: Wanted, input: &Value) -> Answer {
        let schedule = self.schedule(wanted, input)?;
        let key = key(&schedule.group, &schedule.name);
        let answer = json!({ "ScheduleArn": self.arn("schedule", &key) });
        self.store.change(|state| {
            let revision = state.next_number();
            let known = state.schedules.get_mut(&key).ok_or_else(|| missing(&schedule.name))?;
            *known = Schedule { revision, created_at: known.created_at, ..schedule };
            Ok(answer)
        })
    }

    fn schedule(&self, wanted: Wanted, input: &Value) -> Result<Schedule, Failure> {
        valid_name(&wanted.name)?;
        let timezone = wanted.schedule_expression_timezone.as_deref().unwrap_or("UTC");
        if timezone != "UTC" {
            return Err(Failure::validation(format!("only UTC is known here, not `{timezone}`")));
        }
        if wanted.flexible_time_window.is_none() {
            return Err(Failure::validation("FlexibleTimeWindow is missing"));
        }
        if wanted.target.role_arn.is_empty() {
            return Err(Failure::validation("Target.RoleArn is missing"));
        }
        let payload = wanted.target.input.as_deref().unwrap_or("{}");
        if serde_json::from_str::<Value>(payload).is_err() {
            return Err(Failure::validation("Target.Input is not JSON, as a Lambda target needs"));
        }
        let kept = [
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "FlexibleTimeWindow",
            "Target",
            "ActionAfterCompletion",
            "Description",
            "KmsKeyArn",
        ];
        let definition: Map<String, Value> =
            kept.into_iter().filter_map(|name| Some((name.to_owned(), input.get(name)?.clone()))).collect();
        let now = self.clock.now();
        Ok(Schedule {
            at: expression(&wanted.schedule_expression)?,
            definition: Value::Object(definition),
            function: function_name(&wanted.target.arn).to_owned(),
            enabled: wanted.state.as_deref() != Some("DISABLED"),
            delete_after: wanted.action_after_completion.as_deref() == Some("DELETE"),
            fired: false,
            client_token: wanted.client_token,
            created_at: now,
            modified_at: now,
            revision: 0,
            retry: Retry::default(),
            group: wanted.group_name,
            name: wanted.name,
        })
    }

    pub(super) fn schedule_view(schedule: &Schedule) -> ScheduleView {
        ScheduleView {
            group: schedule.group.clone(),
            name: schedule.name.clone(),
            at: schedule.at,
            function: schedule.function.clone(),
            input: schedule.payload(),
        }
    }

    fn arn(&self, kind: &str, name: &str) -> String {
        format!("arn:aws:scheduler:{REGION}:{}:{kind}/{name}", self.seeded.account_id)
    }

    fn schedule_document(&self, schedule: &Schedule) -> Value {
        let mut document = schedule.definition.clone();
        let summary = self.schedule_summary(schedule);
        if let (Some(members), Value::Object(summary)) = (document.as_object_mut(), summary) {
            members.extend(summary.into_iter().filter(|(name, _)| name != "Target"));
        }
        document
    }

    fn schedule_summary(&self, schedule: &Schedule) -> Value {
        json!({
            "Arn": self.arn("schedule", &key(&schedule.group, &schedule.name)),
            "Name": schedule.name,
            "GroupName": schedule.group,
            "State": if schedule.enabled { "ENABLED" } else { "DISABLED" },
            "CreationDate": schedule.created_at.as_duration().as_secs_f64(),
            "LastModificationDate": schedule.modified_at.as_duration().as_secs_f64(),
            "Target": { "Arn": schedule.definition.pointer("/Target/Arn") },
        })
    }

    fn group_document(&self, name: &str) -> Value {
        json!({ "Arn": self.arn("schedule-group", name), "Name": name, "State": "ACTIVE" })
    }
}

impl Schedule {
    /// What the function is given.
    pub(super) fn payload(&self) -> Value {
        let input = self.definition.pointer("/Target/Input").and_then(Value::as_str);
        let scheduled = self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let input = input.unwrap_or("{}").replace("<aws.scheduler.scheduled-time>", &scheduled);
        serde_json::from_str(&input).unwrap_or_default()
    }
}

impl Named {
    fn key(&self) -> String {
        key(&self.group_name, &self.name)
    }

    fn missing(&self) -> Failure {
        missing(&self.name)
    }
}

fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}")
}

fn missing(name: &str) -> Failure {
    Failure::not_found(format!("Schedule {name} does not exist."))
}

fn known_group(state: &State, name: &str) -> Result<(), Failure> {
    match state.schedule_groups.contains(name) {
        true => Ok(()),
        false => Err(Failure::not_found(format!("Schedule group {name} does not exist."))),
    }
}

fn valid_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        true => Ok(()),
        false => Err(Failure::validation(format!("`{name}` is not 1 to 64 of [0-9a-zA-Z-_.]"))),
    }
}

/// `at(yyyy-mm-ddThh:mm:ss)`. A time that has passed is accepted and fires at once.
fn expression(text: &str) -> Result<Timestamp, Failure> {
    let invalid = || Failure::validation(format!("Invalid Schedule Expression {text}."));
    let at = text
        .strip_prefix("at(")
        .and_then(|rest| rest.strip_suffix(')'))
        .filter(|at| at.len() == "yyyy-mm-ddThh:mm:ss".len())
        .ok_or_else(invalid)?;
    DateTime::strptime("%Y-%m-%dT%H:%M:%S", at)
        .and_then(|at| at.to_zoned(TimeZone::UTC))
        .map(|at| at.timestamp())
        .map_err(|_| invalid())
}

/// `arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]`; anything else is taken by its last part.
fn function_name(arn: &str) -> &str {
    let last = arn.rsplit(':').next().unwrap_or(arn);
    arn.split(':').nth(6).unwrap_or(last)
}
