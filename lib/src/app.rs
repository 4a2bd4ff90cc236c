//! The use cases: each decides, and describes the one transaction that carries the decision out.
//!
//! A use case takes what was read, decides, and returns a [`Change`], which its caller commits. No use case calls
//! Identity Center.

mod audit_log;
mod backoff;
mod change;
mod decide;
mod drain;
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
pub(crate) use backoff::Backoff;
pub(crate) use change::system_event;
pub use change::{Change, OperationContext};
pub use decide::{cancel, decide, lapse};
pub use drain::drain;
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
