//! The use cases: what is decided, and the one transaction that makes it so.
//!
//! A use case is given what was read, decides, and returns a [`Change`]; the session commits it. None of them touches
//! Identity Center.

mod audit_log;
mod change;
mod decide;
mod engines;
pub mod ensure;
mod error;
mod evaluate;
mod extend;
mod grants;
mod held;
mod ids;
mod if_match;
mod messages;
pub mod people;
pub mod policies;
mod question;
pub mod reconsider;
mod requests;
pub mod rules;
mod submit;

pub use audit_log::exported;
pub(crate) use change::system_event;
pub use change::{Change, OperationContext};
pub use decide::{cancel, decide, lapse};
pub use engines::{Engines, TenantEngine};
pub use error::AccessError;
pub use evaluate::Trial;
pub use extend::extend;
pub use grants::{grant_visible, revoke, set_audit};
pub use held::recent_grants;
pub use ids::Ids;
pub use if_match::IfMatch;
pub use messages::add_message;
pub use requests::request_visible;
pub use submit::{NewRequest, submit};
