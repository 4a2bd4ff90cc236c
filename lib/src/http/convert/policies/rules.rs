//! Conversions of policy rules.

use stint_api::{PolicyRule, WritePolicyRule};

use crate::app::rules::{RuleChange, ScopeChange};
use crate::domain;
use crate::policy::{FlatScope, flat_actions};

impl From<WritePolicyRule> for RuleChange {
    fn from(rule: WritePolicyRule) -> Self {
        Self {
            policy_text: rule.policy_text,
            effect: rule.effect,
            principal: ScopeChange {
                scope_type: rule.principal_scope_type,
                entity_type: rule.principal_entity_type,
                entity_id: rule.principal_entity_id,
            },
            action_scope_type: rule.action_scope_type,
            action_ids: rule.action_ids,
            resource: ScopeChange {
                scope_type: rule.resource_scope_type,
                entity_type: rule.resource_entity_type,
                entity_id: rule.resource_entity_id,
            },
            conditions: rule.conditions,
            notice: rule.notice,
            audit_session: rule.audit_session,
        }
    }
}

impl From<domain::Rule> for PolicyRule {
    fn from(rule: domain::Rule) -> Self {
        let (principal, resource) = (FlatScope::from(&rule.principal), FlatScope::from(&rule.resource));
        let (action_scope_type, action_ids) = flat_actions(&rule.action);
        Self {
            id: rule.id,
            ordinal: rule.ordinal,
            effect: rule.effect,
            policy_text: rule.policy_text,
            principal_scope_type: principal.scope_type,
            principal_entity_type: principal.entity_type,
            principal_entity_id: principal.entity_id,
            action_scope_type,
            action_ids,
            resource_scope_type: resource.scope_type,
            resource_entity_type: resource.entity_type,
            resource_entity_id: resource.entity_id,
            conditions: rule.conditions,
            notice: rule.notice,
            audit_session: rule.audit_session,
            created_at: rule.created_at,
        }
    }
}
