//! The words of the product as types: parsed once at the edge, valid ever after.
//!
//! Nothing here does I/O, reads a clock or makes an id.

mod duration;
mod id;
mod policy;
mod principal;
mod resource;

pub use duration::{Seconds, SecondsError};
pub use id::{ApiKeyId, EventId, GrantId, IdError, MessageId, PolicyId, RequestId, RuleId, TenantId};
pub use policy::{ActionScope, ApprovalMode, Effect, EntityRef, Policy, PolicySettings, Rule, Scope, Terms};
pub use principal::{Principal, PrincipalKind, PrincipalRef};
pub use resource::{AccountId, AwsResource, ResourceError, ResourceRef, ResourceType};

/// Free-form data a caller attaches: a JSON object.
pub type Metadata = serde_json::Map<String, serde_json::Value>;
