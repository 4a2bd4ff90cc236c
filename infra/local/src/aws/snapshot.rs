//! All an endpoint keeps, as it was at one moment: a test prepares once and goes back as often as it likes.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::database::remove_with_companions;
use super::state::{Retry, State};
use super::{AwsEndpoint, AwsSeed, Error, Faults, Services};

/// What [`AwsEndpoint::snapshot`] took.
pub struct Snapshot {
    /// A SQLite file, removed when this is dropped.
    table: PathBuf,
    state: State,
    seeded: Arc<AwsSeed>,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        remove_with_companions(&self.table);
    }
}

impl AwsEndpoint {
    /// Copies the table, the services' state and the organization. Nothing may be under way.
    ///
    /// # Errors
    /// The table cannot be copied.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let services = &self.services;
        let table = services.database.copy()?;
        Ok(Snapshot { table, state: services.store.lock().clone(), seeded: services.current_seed() })
    }

    /// Makes everything what it was, without faults, observer and log of calls. The clock is the caller's to set.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let services = &self.services;
        services.database.become_copy(&snapshot.table)?;
        services.store.replace(snapshot.state.clone())?;
        *services.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&snapshot.seeded);
        *services.observer.write().unwrap_or_else(PoisonError::into_inner) = None;
        services.forget();
        self.set_faults(Faults::default());
        self.clear_calls();
        Ok(())
    }
}

impl Services {
    /// Forgets what is by the clock and in no state.
    fn forget(&self) {
        self.recent_requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.delivery.stream_retry.lock().unwrap_or_else(PoisonError::into_inner) = Retry::default();
    }
}
