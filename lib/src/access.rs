//! The use cases: what is decided, and the one transaction that makes it so.
//!
//! A use case is given what was read, decides, and returns a [`Change`]; the session commits it. None of them touches
//! Identity Center.

mod change;
mod decide;
mod engines;
pub mod ensure;
mod error;
mod extend;
mod grants;
mod ids;
mod messages;
mod question;
mod requests;
mod submit;

pub(crate) use change::system_event;
pub use change::{Access, Change};
pub use decide::{cancel, decide, lapse};
pub use engines::{Engines, TenantEngine};
pub use error::AccessError;
pub use extend::extend;
pub use grants::{grant_visible, revoke, set_audit};
pub use ids::Ids;
pub use messages::add_message;
pub use requests::request_visible;
pub use submit::{Ask, submit};
