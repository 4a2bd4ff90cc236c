//! The compiled policies of tenants, cached by the versions the tenant's item names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::try_join;

use super::AccessError;
use crate::domain::{AwsResource, Policy, Tenant, TenantId};
use crate::policy::{Directory, Engine, TenantSchema};
use crate::store::{Record, StoreError, TenantTable};

/// A tenant's policies, compiled, and what they were compiled from.
#[derive(Debug)]
pub struct TenantEngine {
    /// Decides.
    pub engine: Engine,
    /// What is known of the tenant's AWS.
    pub directory: Directory,
    /// What Cedar text is validated against.
    pub schema: TenantSchema,
    /// The policies, as stored.
    pub policies: Vec<Policy>,
    /// Their version.
    pub policy_version: u64,
    /// The version of the directory.
    pub directory_version: u64,
}

/// Engines by tenant. Cheap to clone; clones share what they hold.
#[derive(Clone, Default)]
pub struct Engines {
    held: Arc<Mutex<HashMap<TenantId, Arc<TenantEngine>>>>,
    /// One compiles while the others wait for what comes of it.
    slot: Arc<tokio::sync::Mutex<()>>,
}

/// More tenants than this are not held: a function serves few, and compiling again is no error.
const MOST_TENANTS: usize = 64;
/// How often a set that changed while it was read is read again; each time somebody has edited it.
const ATTEMPTS: usize = 50;

impl Engines {
    /// The tenant's engine: the one in memory if it is of the versions the tenant's item names or later ones, else
    /// compiled anew.
    ///
    /// # Errors
    ///
    /// [`AccessError::Policies`] when the stored policies do not compile.
    pub async fn of(&self, tenant: &Tenant, table: &TenantTable) -> Result<Arc<TenantEngine>, AccessError> {
        if let Some(engine) = self.held(tenant) {
            return Ok(engine);
        }
        let _slot = self.slot.lock().await;
        if let Some(engine) = self.held(tenant) {
            return Ok(engine);
        }
        let engine = Arc::new(load(tenant.clone(), table).await?);
        let mut engines = self.lock();
        if engines.len() >= MOST_TENANTS {
            engines.clear();
        }
        engines.insert(tenant.id, Arc::clone(&engine));
        Ok(engine)
    }

    fn held(&self, tenant: &Tenant) -> Option<Arc<TenantEngine>> {
        self.lock().get(&tenant.id).filter(|engine| engine.serves(tenant)).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Arc<TenantEngine>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TenantEngine {
    /// Versions only grow: an engine may be newer than what the tenant's item said a moment ago, and never older.
    fn serves(&self, tenant: &Tenant) -> bool {
        self.policy_version >= tenant.policy_version && self.directory_version >= tenant.directory_version
    }
}

/// Reads and compiles. The version is read again afterwards: a decision must not record a version it was not made by.
async fn load(mut tenant: Tenant, table: &TenantTable) -> Result<TenantEngine, AccessError> {
    for _ in 0..ATTEMPTS {
        let (policies, resources) = try_join(table.list_all::<Policy>(), table.list_all::<AwsResource>()).await?;
        let current = table.get::<Tenant>(Tenant::KIND).await?.ok_or(AccessError::NotFound("the tenant is gone"))?;
        let unchanged =
            current.policy_version == tenant.policy_version && current.directory_version == tenant.directory_version;
        tenant = current;
        if unchanged {
            return compile(&tenant, policies, resources);
        }
    }
    Err(StoreError::Unavailable("the policies keep changing while they are read".to_owned()).into())
}

fn compile(tenant: &Tenant, policies: Vec<Policy>, resources: Vec<AwsResource>) -> Result<TenantEngine, AccessError> {
    let directory: Directory = resources.into_iter().collect();
    let failed = |error: String| AccessError::Policies(error);
    Ok(TenantEngine {
        engine: Engine::compile(&directory, &policies).map_err(|error| failed(error.to_string()))?,
        schema: TenantSchema::new(&directory).map_err(|error| failed(error.to_string()))?,
        directory,
        policies,
        policy_version: tenant.policy_version,
        directory_version: tenant.directory_version,
    })
}
