//! Which tenants may use an Identity Center instance: the one it is registered for, and those that tenant shares it with.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::installed;
use crate::domain::{Event, EventId, EventKind, EventSubject, InstanceTenants, Tenant, TenantId};
use crate::store::{CommitError, StoreError, Table, Transaction};

/// An instance was not registered or shared.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// It is registered for another tenant, or for none. Which one is not told.
    #[error("the Identity Center instance `{0}` is not this tenant's: only the tenant it is registered for shares it")]
    NotOwner(String),
    /// The table did not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<StoreError> for InstanceError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// Registers an instance for a tenant, unless the tenant may use it already. Returns whether it was registered now. `event`
/// is the id of the event that says so.
///
/// # Errors
///
/// [`InstanceError::NotOwner`] when it is another tenant's and not shared with this one: nothing was written.
pub async fn register_instance(
    table: &Table,
    instance_arn: &str,
    tenant: TenantId,
    event: EventId,
    now: Timestamp,
) -> Result<bool, InstanceError> {
    match table.instance(instance_arn).await? {
        Some(instance) if instance.may_be_used_by(tenant) => return Ok(false),
        Some(_) => return Err(InstanceError::NotOwner(instance_arn.to_owned())),
        None => {}
    }
    let instance = InstanceTenants::registered_by(instance_arn.to_owned(), tenant);
    let mut writes = Transaction::new(tenant);
    writes.create_shared(&instance)?;
    writes.event(of_owner(EventKind::InstanceRegistered, event, &instance, &json!({}), now))?;
    table.tenant(tenant).commit(writes).await?;
    Ok(true)
}

/// Lets another tenant use the instance that is registered for `owner`. Returns whether it could not before. `event` is the
/// id of the event that says so: it is the owner's, who decides this, and names the other tenant by its slug. The other
/// tenant is not told whose the instance is.
///
/// # Errors
///
/// [`InstanceError::NotOwner`] when it is not registered for `owner`: nothing was written.
pub async fn share_instance(
    table: &Table,
    instance_arn: &str,
    owner: TenantId,
    with: &Tenant,
    event: EventId,
    now: Timestamp,
) -> Result<bool, InstanceError> {
    let instance = table.instance(instance_arn).await?.filter(|instance| instance.owner == owner);
    let Some(mut instance) = instance else { return Err(InstanceError::NotOwner(instance_arn.to_owned())) };
    if instance.may_be_used_by(with.id) {
        return Ok(false);
    }
    instance.shared_with.insert(with.id);
    let mut writes = Transaction::new(owner);
    writes.update_shared(&instance)?;
    let with = json!({"shared_with": with.slug});
    writes.event(of_owner(EventKind::InstanceShared, event, &instance, &with, now))?;
    table.tenant(owner).commit(writes).await?;
    Ok(true)
}

fn of_owner(kind: EventKind, id: EventId, instance: &InstanceTenants, metadata: &Value, now: Timestamp) -> Event {
    let subject = (EventSubject::IdentityCenterInstance, instance.instance_arn.clone());
    installed(kind, id, instance.owner, subject, metadata, now)
}
