//! The keys of the issuers that tenants trust. They are stored so that a function that just started does not have to
//! ask the issuer.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::auth::jwks::fetch_keys;
use crate::domain::{Tenant, TenantId};
use crate::provision::{WorkerError, Workers};
use crate::store::Record;

/// How many issuers are asked at the same time.
const MAX_CONCURRENT_FETCHES: usize = 32;
/// How long all of them may take. Issuers are other people's servers, and must not keep the directory from being read.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(60);
// Lambda ends the worker after 15 minutes.
const _: () = assert!(REFRESH_TIMEOUT.as_secs() + super::LONGEST.as_secs().unsigned_abs() <= 14 * 60);

/// Stores the keys that the issuers of the tenants, or of `only` one tenant, publish now. If that fails for an issuer,
/// it keeps its stored keys, and the sync goes on: functions can use the stored keys for a day.
pub(super) async fn refresh(workers: &Workers, only: Option<TenantId>) -> Result<(), WorkerError> {
    let mut issuers = BTreeSet::new();
    for id in workers.table.tenants().await?.into_iter().filter(|id| only.is_none_or(|only| only == *id)) {
        match workers.table.tenant(id).get::<Tenant>(Tenant::KIND).await {
            Ok(tenant) => issuers.extend(tenant.and_then(|tenant| tenant.oidc).map(|oidc| oidc.issuer_url)),
            Err(error) => tracing::error!(tenant_id = %id, %error, "the issuer of a tenant cannot be read"),
        }
    }
    let each = stream::iter(issuers).for_each_concurrent(MAX_CONCURRENT_FETCHES, |issuer| async move {
        let stored = match fetch_keys(&issuer, &workers.clock).await {
            Ok(keys) => workers.table.put_issuer_keys(&keys).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(cause) = stored {
            tracing::warn!(issuer, cause, "the keys of an issuer were not stored");
        }
    });
    if tokio::time::timeout(REFRESH_TIMEOUT, each).await.is_err() {
        tracing::warn!("some issuers did not answer in time: their keys were not stored");
    }
    Ok(())
}
