//! The project itself: routes, binaries, template, OpenAPI document and IAM statements agree, and the code keeps to its
//! own rules.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "what a JSON value lacks is null")]

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/infrastructure.rs"]
mod infrastructure;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/monitoring.rs"]
mod monitoring;
#[path = "tidy/operations.rs"]
mod operations;
#[path = "tidy/permissions.rs"]
mod permissions;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/watch.rs"]
mod watch;
