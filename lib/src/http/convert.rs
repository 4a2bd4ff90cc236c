//! Conversions between the wire types of `stint_api` and the domain's types. Conversions from requests also check the
//! input, and return the errors that callers see.

mod access;
mod audit_log;
mod grants;
mod policies;
mod requests;
mod resource;
mod text;

pub(super) use access::{ensure_result, entitlements, justification, request_status};
pub(super) use audit_log::verification;
pub(super) use policies::evaluate::PolicyQuestions;
pub(super) use policies::{changed, problems, reordered};
pub(super) use text::{free_text, metadata, reason};
