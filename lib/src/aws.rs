//! The AWS services besides the table, one adapter each. An adapter calls the SDK's client and turns answers into types
//! of the domain.

mod directory;
pub mod event_bus;
pub mod identity_center;
mod identity_store;
mod organizations;
mod paced;
pub mod scheduler;

pub use directory::{DirectoryError, DirectorySource, Instance, Page, instance};
pub use identity_store::IdentityStore;
pub use organizations::{FoundAccount, Organizations};
