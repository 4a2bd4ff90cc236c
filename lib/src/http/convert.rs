//! How what goes over the wire becomes what the product works with, and the opposite. The wire types are those of
//! `stint_api`; here they are checked, which is where the errors of input come from.

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
