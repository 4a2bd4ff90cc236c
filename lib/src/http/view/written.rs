//! Policies and rules as who wrote them is answered: with what is probably not meant.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Policy, PolicyRule};
use crate::policy::Problem;

/// A policy that was written.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WrittenPolicy {
    /// The policy.
    #[serde(flatten)]
    pub policy: Policy,
    /// What is probably not meant in the `cedar_policy_set` that was sent, such as an account nobody knows; it is stored
    /// nevertheless. Empty if none was sent.
    pub warnings: Vec<Problem>,
}

/// A rule that was written.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WrittenPolicyRule {
    /// The rule.
    #[serde(flatten)]
    pub rule: PolicyRule,
    /// What is probably not meant in its `policy_text`, such as an account nobody knows; it is stored nevertheless.
    pub warnings: Vec<Problem>,
}
