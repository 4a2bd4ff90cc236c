//! The public keys of issuers: in memory, in the table, and at the issuer.
//!
//! Keys are used until an hour after they were fetched from the issuer. Then they are read from the table, where `sync`
//! writes them, so that a function that just started does not have to ask the issuer. The issuer is asked if the table
//! has none of that hour. While the issuer does not answer, keys are used for a day.
//!
//! A token may name a key that is not in memory, since issuers rotate keys. It is looked up in the table and then at
//! the issuer: at most once a minute by one function, and at most [`MAX_KEY_LOOKUPS_PER_MINUTE`] times a minute by all
//! of them. What a function finds stays in its memory, because only `sync` may write keys.

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
use crate::store::{IssuerKeys, Table};

/// Keys older than this are read again: from the table, then from the issuer.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// Up to this age keys are used while the issuer cannot be reached.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The pause between two lookups of unknown keys, and after a failure if older keys can be used.
const COOL_DOWN: Duration = Duration::from_secs(60);
/// The pause after a failure if there are no keys to use.
const RETRY: Duration = Duration::from_secs(5);
/// How often all functions together ask an issuer for unknown keys in a minute.
pub const MAX_KEY_LOOKUPS_PER_MINUTE: u32 = 240;

/// Keys by issuer. Cheap to clone; clones share what they hold.
#[derive(Clone)]
pub struct JwksCache {
    clock: Clock,
    /// Where `sync` writes keys; `None` if they come from issuers alone.
    table: Option<Table>,
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
    /// The keys, and when they were fetched from the issuer.
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
    /// An empty cache of keys that come from issuers alone.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, table: None, issuers: Arc::default() }
    }

    /// An empty cache of keys that come from the table, if it has them.
    #[must_use]
    pub fn of_table(clock: Clock, table: Table) -> Self {
        Self { table: Some(table), ..Self::new(clock) }
    }

    /// The keys of `issuer`, if they are in memory and fresh.
    pub(super) fn held(&self, issuer: &str) -> Option<Arc<KeySet>> {
        // An unverified token names the issuer: it must not add an entry to the map.
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
            // Another call is fetching: a caller with stale keys does not wait.
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
        let stored = self.stored(issuer).await;
        if let Some((keys, fetched_at)) = &stored
            && is_within(*fetched_at, MAX_AGE, now)
        {
            return Ok(entry.remember(keys, *fetched_at));
        }
        match self.fetch(issuer, &entry).await {
            Ok(keys) => Ok(keys),
            Err(error) => {
                if let Some((keys, fetched_at)) = stored {
                    entry.remember(&keys, fetched_at);
                }
                entry.read().keys_within(MAX_STALE, now).ok_or(error)
            }
        }
    }

    /// Looks for newer keys of `issuer`, for a caller that did not find its key in `seen`. `wanted` tells whether a key
    /// set has the key. Returns `seen` if neither the table nor the issuer gives newer keys; the token is then refused.
    pub(super) async fn keys_newer_than(
        &self,
        seen: &Arc<KeySet>,
        issuer: &str,
        wanted: impl Fn(&KeySet) -> bool,
    ) -> Arc<KeySet> {
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
        let mut newest = Arc::clone(seen);
        if let Some((keys, fetched_at)) = self.stored(issuer).await {
            newest = entry.remember(&keys, fetched_at);
        }
        if wanted(&newest) || !self.may_look_up(issuer, now).await {
            return newest;
        }
        self.fetch(issuer, &entry).await.unwrap_or(newest)
    }

    /// The keys in the table, and when they were fetched from the issuer.
    async fn stored(&self, issuer: &str) -> Option<(Arc<KeySet>, Timestamp)> {
        let table = self.table.as_ref()?;
        let unusable =
            |error: &dyn fmt::Display| tracing::warn!(issuer, %error, "the stored keys of an issuer cannot be used");
        let stored = table.issuer_keys(issuer).await.inspect_err(|error| unusable(error)).ok()??;
        let keys = KeySet::of_stored(&stored.jwks).inspect_err(|error| unusable(error)).ok()?;
        // Keys that a fast clock stored would not become old, and would not be replaced, before our clock is there.
        Some((Arc::new(keys), stored.fetched_at.min(self.clock.now())))
    }

    /// Whether the issuer may be asked for an unknown key now. If the counter cannot be written, it may not.
    async fn may_look_up(&self, issuer: &str, now: Timestamp) -> bool {
        let Some(table) = &self.table else { return true };
        let counted = table.count_key_lookup(issuer, MAX_KEY_LOOKUPS_PER_MINUTE, now).await;
        counted
            .inspect_err(|error| tracing::warn!(issuer, %error, "a lookup of a key could not be counted"))
            .unwrap_or(false)
    }

    /// Call with `entry.fetching` held.
    async fn fetch(&self, issuer: &str, entry: &Issuer) -> Result<Arc<KeySet>, JwksError> {
        match fetch::fetch(issuer).await {
            Ok(document) => {
                let keys = Arc::new(KeySet::from(document));
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

/// Asks an issuer for its keys, to be stored.
///
/// # Errors
///
/// [`JwksError`] if there is no answer, or none that can be used.
pub async fn fetch_keys(issuer: &str, clock: &Clock) -> Result<IssuerKeys, JwksError> {
    // Taken before the request, so that the keys are never older than their time says.
    let fetched_at = clock.now();
    let document = fetch::fetch(issuer).await?;
    let jwks = serde_json::to_string(&document).map_err(JwksError::Malformed)?;
    Ok(IssuerKeys { issuer: issuer.to_owned(), jwks, fetched_at })
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

    /// Takes note of keys from the table, unless those in memory are as new. Returns the newer ones.
    fn remember(&self, stored: &Arc<KeySet>, fetched_at: Timestamp) -> Arc<KeySet> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.keys {
            Some((keys, at)) if *at >= fetched_at => Arc::clone(keys),
            Some(_) | None => {
                state.keys = Some((Arc::clone(stored), fetched_at));
                Arc::clone(stored)
            }
        }
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
