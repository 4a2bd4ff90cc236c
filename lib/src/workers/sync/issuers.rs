//! The keys of the issuers that tenants trust. They are stored so that a function that just started does not have to ask
//! the issuer.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::auth::jwks::fetch_keys;
use crate::domain::{Tenant, TenantId};
use crate::provision::{WorkerError, Workers};
use crate::store::Record;

/// How many issuers are asked at the same time.
const AT_ONCE: usize = 32;
/// How long all of them may take: half of the sync's lease. Issuers are other people's servers, and must not keep the
/// directory from being read.
const LONGEST: Duration = Duration::from_secs(60);

/// Stores the keys that the issuers of these tenants publish now. If that fails for an issuer, it keeps its stored keys,
/// and the sync goes on: functions can do without newer keys for a day.
pub(super) async fn refresh(workers: &Workers, tenants: &[TenantId]) -> Result<(), WorkerError> {
    let mut issuers = BTreeSet::new();
    for id in tenants {
        let tenant: Option<Tenant> = workers.table.tenant(*id).get(Tenant::KIND).await?;
        issuers.extend(tenant.and_then(|tenant| tenant.oidc).map(|oidc| oidc.issuer_url));
    }
    let each = stream::iter(issuers).for_each_concurrent(AT_ONCE, |issuer| async move {
        let stored = match fetch_keys(&issuer, &workers.clock).await {
            Ok(keys) => workers.table.put_issuer_keys(&keys).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(cause) = stored {
            tracing::warn!(issuer, cause, "the keys of an issuer were not stored");
        }
    });
    if tokio::time::timeout(LONGEST, each).await.is_err() {
        tracing::warn!("some issuers did not answer in time: their keys were not stored");
    }
    Ok(())
}
