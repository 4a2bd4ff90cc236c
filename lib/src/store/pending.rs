//! The pending grants of a principal: decided and not usable yet. They are counted so that they can be limited.
//!
//! One item for each principal holds the ids of these grants. It is changed only in the transactions that change the
//! grants, so it always agrees with them: an id is added when the grant is created, and removed when the grant becomes
//! usable, fails or ends. Adding is conditional on the number of ids, which DynamoDB checks in the transaction: nothing
//! has to be read first, and simultaneous calls stay within the limit. Break-glass access is not counted.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Update};

use super::keys;
use crate::domain::{Grant, GrantStatus, PrincipalRef, Provisioning, TenantId};

const KIND: &str = "PENDING";

/// A change of the ids of one principal.
#[derive(Debug, Clone)]
pub(super) struct PendingWrite {
    pk: String,
    sk: String,
    grant: String,
    change: Change,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    /// Adds the grant; with a limit, only if there are fewer ids than that.
    Add(Option<u32>),
    /// Removes the grant if it is there.
    Remove,
}

/// Whether a grant is in the set of its principal.
pub(super) fn counts(grant: &Grant) -> bool {
    grant.status == GrantStatus::Active
        && matches!(grant.provisioning, Provisioning::Pending { .. })
        && !grant.break_glass
}

impl PendingWrite {
    pub(super) fn add(tenant: TenantId, grant: &Grant, limit: Option<u32>) -> Self {
        Self::new(tenant, &grant.grantee.who, grant.id.to_string(), Change::Add(limit))
    }

    pub(super) fn remove(tenant: TenantId, grant: &Grant) -> Self {
        Self::new(tenant, &grant.grantee.who, grant.id.to_string(), Change::Remove)
    }

    fn new(tenant: TenantId, who: &PrincipalRef, grant: String, change: Change) -> Self {
        Self { pk: keys::partition(tenant, KIND), sk: who.to_string(), grant, change }
    }

    /// The limit that the write is conditional on; `None` if it has none.
    pub(super) fn limit(&self) -> Option<u32> {
        match self.change {
            Change::Add(limit) => limit,
            Change::Remove => None,
        }
    }

    pub(super) fn into_sdk(self, table: &str) -> Result<Update, BuildError> {
        let key = HashMap::from([
            (keys::PK.to_owned(), AttributeValue::S(self.pk)),
            (keys::SK.to_owned(), AttributeValue::S(self.sk)),
        ]);
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .expression_attribute_names("#grants", "grants")
            .expression_attribute_values(":grant", AttributeValue::Ss(vec![self.grant]));
        match self.change {
            Change::Add(None) => update.update_expression("ADD #grants :grant"),
            Change::Add(Some(limit)) => update
                .update_expression("ADD #grants :grant")
                .condition_expression("attribute_not_exists(#grants) OR size(#grants) < :limit")
                .expression_attribute_values(":limit", AttributeValue::N(limit.to_string())),
            Change::Remove => update.update_expression("DELETE #grants :grant"),
        }
        .build()
    }
}
