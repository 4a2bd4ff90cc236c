//! The compiled policies of tenants, cached by the tenant's versions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::try_join;

use super::AccessError;
use crate::domain::{AwsResource, Policy, TenantId, Versions};
use crate::policy::{Directory, Engine, TenantSchema};
use crate::store::{StoreError, TenantTable};

/// A tenant's compiled policies, and what they were compiled from.
#[derive(Debug)]
pub struct TenantEngine {
    /// The compiled policy set.
    pub engine: Engine,
    /// The tenant's directory of AWS resources.
    pub directory: Directory,
    /// The schema that Cedar text is validated against.
    pub schema: TenantSchema,
    /// The policies, as stored.
    pub policies: Vec<Policy>,
    /// The versions of policies and directory.
    pub versions: Versions,
}

/// The engines by tenant. Cheap to clone; clones share the cache.
#[derive(Clone, Default)]
pub struct Engines {
    held: Arc<Mutex<HashMap<TenantId, Arc<TenantEngine>>>>,
    /// One caller compiles; others for the same tenant wait and use the result.
    slot: Arc<tokio::sync::Mutex<()>>,
}

/// The most tenants in the cache: a function serves few, and an engine that was dropped is compiled again.
const MOST_TENANTS: usize = 64;
/// How often policies that change while they are read are read again.
const ATTEMPTS: usize = 50;

impl Engines {
    /// The tenant's engine: the cached one if it has these versions or later ones, otherwise a newly compiled one.
    ///
    /// # Errors
    ///
    /// [`AccessError::Policies`] if the stored policies do not compile.
    pub async fn of(&self, versions: Versions, table: &TenantTable) -> Result<Arc<TenantEngine>, AccessError> {
        if let Some(engine) = self.held(table.id(), versions) {
            return Ok(engine);
        }
        let _slot = self.slot.lock().await;
        if let Some(engine) = self.held(table.id(), versions) {
            return Ok(engine);
        }
        let engine = Arc::new(load(versions, table).await?);
        let mut engines = self.lock();
        if engines.len() >= MOST_TENANTS {
            engines.clear();
        }
        engines.insert(table.id(), Arc::clone(&engine));
        Ok(engine)
    }

    /// A cached engine that is at least as new as the versions that were read.
    fn held(&self, tenant: TenantId, versions: Versions) -> Option<Arc<TenantEngine>> {
        self.lock().get(&tenant).filter(|engine| engine.versions.include(versions)).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Arc<TenantEngine>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads and compiles. The versions are read again afterwards, since a decision must record the versions it was made
/// by.
async fn load(mut versions: Versions, table: &TenantTable) -> Result<TenantEngine, AccessError> {
    for _ in 0..ATTEMPTS {
        let (policies, resources) = try_join(table.list_all::<Policy>(), table.list_all::<AwsResource>()).await?;
        let current = table.versions().await?;
        if current == versions {
            return compile(versions, policies, resources);
        }
        versions = current;
    }
    Err(StoreError::Unavailable("the policies keep changing while they are read".to_owned()).into())
}

fn compile(
    versions: Versions,
    policies: Vec<Policy>,
    resources: Vec<AwsResource>,
) -> Result<TenantEngine, AccessError> {
    let directory: Directory = resources.into_iter().collect();
    let failed = |error: String| AccessError::Policies(error);
    Ok(TenantEngine {
        engine: Engine::compile(&directory, &policies).map_err(|error| failed(error.to_string()))?,
        schema: TenantSchema::new(&directory).map_err(|error| failed(error.to_string()))?,
        directory,
        policies,
        versions,
    })
}
