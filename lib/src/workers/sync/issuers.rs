//! The keys of the issuers that tenants trust. They are stored so that a function that just started does not have to ask
//! the issuer.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::auth::jwks::fetch_keys;
use crate::domain::{Tenant, TenantId};
use crate::provision::{WorkerError, Workers};
use crate::store::Record;

/// How many issuers are asked at the same time.
const AT_ONCE: usize = 8;

/// Stores what the issuers of these tenants publish now. An issuer that does not answer keeps the keys it has, and does
/// not fail the sync: the functions do without new keys for a day.
pub(super) async fn refresh(workers: &Workers, tenants: &[TenantId]) -> Result<(), WorkerError> {
    let mut issuers = BTreeSet::new();
    for id in tenants {
        let tenant: Option<Tenant> = workers.table.tenant(*id).get(Tenant::KIND).await?;
        issuers.extend(tenant.and_then(|tenant| tenant.oidc).map(|oidc| oidc.issuer_url));
    }
    let each = stream::iter(issuers).map(|issuer| async move {
        match fetch_keys(&issuer, &workers.clock).await {
            Ok(keys) => workers.table.put_issuer_keys(&keys).await,
            Err(error) => {
                tracing::warn!(issuer, %error, "the keys of an issuer could not be fetched");
                Ok(())
            }
        }
    });
    Ok(each.buffer_unordered(AT_ONCE).try_collect::<()>().await?)
}
