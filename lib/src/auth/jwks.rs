//! The public keys of issuers, cached.
//!
//! Keys are fetched again when they are an hour old, and once more, at most every minute, when a token names a key we
//! do not have: that is how an issuer rotates. While an issuer cannot be reached, the keys we have go on for a day.

mod fetch;
mod keys;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use fetch::{JwksError, check_issuer};
pub(super) use keys::{KeySet, NoKey, VerificationKey};

use crate::clock::Clock;

/// From this age on keys are fetched again.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// Up to this age keys are used while the issuer cannot be reached.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two fetches for an unknown key, and after a failure while there are keys to go on with.
const COOL_DOWN: Duration = Duration::from_secs(60);
/// After a failure that leaves us without keys.
const RETRY: Duration = Duration::from_secs(5);

/// Keys by issuer. Cheap to clone; clones share what they hold.
#[derive(Clone)]
pub struct JwksCache {
    clock: Clock,
    issuers: Arc<Mutex<HashMap<String, Arc<Issuer>>>>,
}

#[derive(Default)]
struct Issuer {
    state: Mutex<State>,
    /// Held while fetching, so that callers who come together share one fetch.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
struct State {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    looked_for_unknown_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl State {
    /// The keys, if they are no older than `age`.
    fn keys_within(&self, age: Duration, now: Timestamp) -> Option<Arc<KeySet>> {
        self.keys.as_ref().filter(|(_, fetched_at)| is_within(*fetched_at, age, now)).map(|(keys, _)| Arc::clone(keys))
    }
}

impl JwksCache {
    /// An empty cache.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, issuers: Arc::default() }
    }

    /// The keys of `issuer`, if they are in memory and fresh.
    pub(super) fn held(&self, issuer: &str) -> Option<Arc<KeySet>> {
        // Whoever is asked about here is not to grow the map.
        let entry = self.issuers.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned()?;
        entry.read().keys_within(MAX_AGE, self.clock.now())
    }

    /// The keys of `issuer`.
    pub(super) async fn keys(&self, issuer: &str) -> Result<Arc<KeySet>, JwksError> {
        let entry = self.entry(issuer);
        let (state, now) = (entry.read(), self.clock.now());
        if let Some(fresh) = state.keys_within(MAX_AGE, now) {
            return Ok(fresh);
        }
        let stale = state.keys_within(MAX_STALE, now);
        let _guard = match (entry.fetching.try_lock(), stale) {
            (Ok(guard), _) => guard,
            // Someone is fetching already; nobody has to wait who has keys.
            (Err(_), Some(stale)) => return Ok(stale),
            (Err(_), None) => entry.fetching.lock().await,
        };

        let (state, now) = (entry.read(), self.clock.now());
        if let Some(fresh) = state.keys_within(MAX_AGE, now) {
            return Ok(fresh);
        }
        let stale = state.keys_within(MAX_STALE, now);
        let pause = if stale.is_some() { COOL_DOWN } else { RETRY };
        if state.failed_at.is_some_and(|failed_at| is_within(failed_at, pause, now)) {
            return stale.ok_or(JwksError::BackingOff);
        }
        match self.fetch(issuer, &entry).await {
            Ok(keys) => Ok(keys),
            Err(error) => stale.ok_or(error),
        }
    }

    /// The keys of `issuer`, for a caller who did not find one in `seen`: newer ones, if there are any to be had.
    ///
    /// While the issuer is down that is `seen` itself: a token those keys do not know is refused, not left open.
    pub(super) async fn keys_newer_than(&self, seen: &Arc<KeySet>, issuer: &str) -> Arc<KeySet> {
        let entry = self.entry(issuer);
        let _guard = entry.fetching.lock().await;
        let (state, now) = (entry.read(), self.clock.now());
        if let Some((keys, _)) = state.keys
            && !Arc::ptr_eq(&keys, seen)
        {
            return keys;
        }
        let is_recent = |at: Option<Timestamp>| at.is_some_and(|at| is_within(at, COOL_DOWN, now));
        if is_recent(state.looked_for_unknown_at) || is_recent(state.failed_at) {
            return Arc::clone(seen);
        }
        entry.write(|state| state.looked_for_unknown_at = Some(now));
        self.fetch(issuer, &entry).await.unwrap_or_else(|_| Arc::clone(seen))
    }

    /// Call with `entry.fetching` held.
    async fn fetch(&self, issuer: &str, entry: &Issuer) -> Result<Arc<KeySet>, JwksError> {
        match fetch::fetch(issuer).await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                let fetched = (Arc::clone(&keys), self.clock.now());
                entry.write(|state| {
                    state.keys = Some(fetched);
                    state.failed_at = None;
                });
                Ok(keys)
            }
            Err(error) => {
                tracing::warn!(issuer, %error, cause = cause(&error), "keys of an issuer could not be fetched");
                let now = self.clock.now();
                entry.write(|state| state.failed_at = Some(now));
                Err(error)
            }
        }
    }

    fn entry(&self, issuer: &str) -> Arc<Issuer> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(issuers.entry(issuer.to_owned()).or_default())
    }
}

impl fmt::Debug for JwksCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksCache").finish_non_exhaustive()
    }
}

impl Issuer {
    fn read(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn is_within(at: Timestamp, period: Duration, now: Timestamp) -> bool {
    SignedDuration::try_from(period).is_ok_and(|period| now.duration_since(at) < period)
}

fn cause(error: &JwksError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}
