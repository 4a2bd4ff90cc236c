//! Audit entries as events of the Open Cybersecurity Schema Framework, <https://schema.ocsf.io/1.3.0>.

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::{ActorType, EventKind};
use crate::store::AuditEntry;

const VERSION: &str = "1.3.0";
/// Identity & Access Management.
const CATEGORY: u32 = 3;

/// What an event is in OCSF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mapping {
    class: Class,
    severity: Severity,
    succeeded: bool,
}

/// A class, with what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Entity Management, 3004: something happened to a request, a grant, a policy or the log.
    Entity(Activity),
    /// User Access Management, 3005: somebody has access, or has it no more.
    Access(Privileges),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    Create = 1,
    Read = 2,
    Update = 3,
    Delete = 4,
    Deactivate = 11,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Privileges {
    Assign = 1,
    Revoke = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Informational = 1,
    Medium = 3,
    High = 4,
}

impl Mapping {
    const fn of(kind: EventKind) -> Self {
        use Class::{Access, Entity};
        use Severity::{High, Informational, Medium};
        let (class, severity, succeeded) = match kind {
            EventKind::RequestPending => (Entity(Activity::Create), Informational, true),
            EventKind::RequestApprovalAdded => (Entity(Activity::Update), Informational, true),
            EventKind::RequestApprovalRefused => (Entity(Activity::Update), Medium, false),
            EventKind::RequestApproved => (Entity(Activity::Update), Informational, true),
            EventKind::RequestDenied => (Entity(Activity::Update), Informational, true),
            EventKind::RequestExpired => (Entity(Activity::Update), Informational, true),
            EventKind::RequestCancelled => (Entity(Activity::Update), Informational, true),
            EventKind::RequestBreakGlass => (Entity(Activity::Create), High, true),
            EventKind::RequestBreakGlassRefused => (Entity(Activity::Create), High, false),
            EventKind::RequestMessageAdded => (Entity(Activity::Update), Informational, true),
            EventKind::GrantProvisioning => (Entity(Activity::Create), Informational, true),
            EventKind::GrantActive => (Access(Privileges::Assign), Informational, true),
            EventKind::GrantExpired => (Entity(Activity::Deactivate), Informational, true),
            EventKind::GrantRevoked => (Entity(Activity::Deactivate), Informational, true),
            EventKind::GrantFailed => (Entity(Activity::Update), Medium, false),
            EventKind::GrantExtended => (Entity(Activity::Update), Informational, true),
            EventKind::GrantUpdated => (Entity(Activity::Update), Informational, true),
            EventKind::GrantRevocationDelayed => (Entity(Activity::Update), High, false),
            EventKind::GrantRevocationDone => (Access(Privileges::Revoke), Informational, true),
            EventKind::GrantStandingAccess => (Entity(Activity::Update), Medium, true),
            EventKind::DriftDetected => (Entity(Activity::Update), High, false),
            EventKind::PolicyCreated => (Entity(Activity::Create), Informational, true),
            EventKind::PolicyUpdated => (Entity(Activity::Update), Informational, true),
            EventKind::PolicyDeleted => (Entity(Activity::Delete), Informational, true),
            EventKind::PoliciesReordered => (Entity(Activity::Update), Informational, true),
            EventKind::TenantCreated => (Entity(Activity::Create), Informational, true),
            EventKind::ApiKeyCreated => (Entity(Activity::Create), Informational, true),
            EventKind::ApiKeyRevoked => (Entity(Activity::Deactivate), Informational, true),
            EventKind::InstanceRegistered => (Entity(Activity::Create), Informational, true),
            EventKind::InstanceShared => (Entity(Activity::Update), Medium, true),
            EventKind::AuditExported => (Entity(Activity::Read), Informational, true),
        };
        Self { class, severity, succeeded }
    }
}

/// An event of either class.
#[derive(Serialize)]
struct Event<'a> {
    activity_id: u32,
    actor: Value,
    category_uid: u32,
    class_uid: u32,
    message: &'static str,
    metadata: Value,
    severity_id: u32,
    status: &'static str,
    status_id: u32,
    time: i64,
    type_uid: u32,
    unmapped: Value,
    #[serde(flatten)]
    of_class: OfClass<'a>,
}

/// What only events of one class have.
#[derive(Serialize)]
#[serde(untagged)]
enum OfClass<'a> {
    Entity {
        entity: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        comment: Option<&'a str>,
    },
    Access {
        user: Value,
        privileges: [&'a str; 1],
        resource: Value,
    },
}

/// An entry as an event of OCSF. What OCSF has no place for is in `unmapped`, so nothing is lost.
#[must_use]
pub fn ocsf(entry: &AuditEntry) -> Value {
    let event = &entry.event;
    let Mapping { class, severity, succeeded } = Mapping::of(event.kind);
    let said = |name| event.metadata.get(name).and_then(Value::as_str).unwrap_or("unknown");
    let (class_uid, activity_id, of_class) = match class {
        Class::Entity(activity) => {
            let entity = json!({"type": event.resource_type, "uid": event.resource_id});
            (3004, activity as u32, OfClass::Entity { entity, comment: event.reasoning.as_deref() })
        }
        Class::Access(privileges) => {
            let (user, resource) = (json!({"uid": said("grantee_id")}), json!({"uid": said("resource")}));
            (3005, privileges as u32, OfClass::Access { user, privileges: [said("action")], resource })
        }
    };
    let (type_id, kind) = match event.actor.kind {
        ActorType::Oidc => (1, "User"),
        ActorType::System => (3, "System"),
        ActorType::ApiKey => (99, "API key"),
    };
    json!(Event {
        activity_id,
        actor: json!({"user": {"type": kind, "type_id": type_id, "uid": event.actor.id}}),
        category_uid: CATEGORY,
        class_uid,
        message: event.kind.as_str(),
        metadata: json!({
            "event_code": event.kind.as_str(),
            "log_name": "audit",
            "original_time": event.created_at,
            "product": {"name": "stint", "vendor_name": "stint", "version": env!("CARGO_PKG_VERSION")},
            "sequence": entry.sequence,
            "tenant_uid": event.tenant_id,
            "uid": event.id,
            "version": VERSION,
        }),
        severity_id: severity as u32,
        status: if succeeded { "Success" } else { "Failure" },
        status_id: if succeeded { 1 } else { 2 },
        time: event.created_at.as_millisecond(),
        type_uid: class_uid * 100 + activity_id,
        unmapped: json!({
            "hash": entry.hash,
            "metadata": event.metadata,
            "prev_hash": entry.prev_hash,
            "reasoning": event.reasoning,
            "resource_id": event.resource_id,
            "resource_type": event.resource_type,
        }),
        of_class,
    })
}
