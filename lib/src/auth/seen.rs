//! Credentials that were good here a moment ago.
//!
//! Reads go out beside the check of such a credential, and only of such a one. It is checked all the same each time: what
//! was read beside the check is used only if the check succeeds, so a revoked key is refused at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Credential;
use crate::domain::TenantId;

/// How long after a check that succeeded.
const LATELY: SignedDuration = SignedDuration::from_mins(5);
/// The most that are held. A function instance serves few callers; one that is forgotten costs one more round trip.
const MOST: usize = 1_024;

/// By tenant and hash of the credential, until when. Cheap to clone; clones share what they hold.
#[derive(Clone, Default)]
pub struct SeenCredentials {
    until: Arc<Mutex<HashMap<(TenantId, String), Timestamp>>>,
}

impl SeenCredentials {
    /// Whether the credential was good for the tenant a moment ago.
    pub fn knows(&self, credential: &Credential, tenant: TenantId, now: Timestamp) -> bool {
        self.lock().get(&(tenant, credential.fingerprint())).is_some_and(|until| now < *until)
    }

    /// Takes note of how a check came out.
    pub fn note(&self, credential: &Credential, tenant: TenantId, is_good: bool, now: Timestamp) {
        let entry = (tenant, credential.fingerprint());
        let mut held = self.lock();
        if !is_good {
            held.remove(&entry);
            return;
        }
        if held.len() >= MOST {
            held.retain(|_, until| now < *until);
        }
        if held.len() >= MOST {
            held.clear();
        }
        held.insert(entry, now + LATELY);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(TenantId, String), Timestamp>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SeenCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenCredentials").finish_non_exhaustive()
    }
}
