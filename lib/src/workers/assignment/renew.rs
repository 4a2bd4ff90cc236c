//! Keeping an assignment's lease while its holder works.
//!
//! Leases are short, so that a dead worker's delays nobody for long ([`LEASE`]); a live one renews its own before each
//! request and each wait, and never sends a request that could outlive it. Each step of a change is written to the record,
//! which renews the lease at no cost: a change that takes Identity Center a few seconds costs no write more.

use std::time::Duration;

use super::super::context::{ATTEMPTS, WorkerError};
use super::super::run::WorkerRun;
use super::lease::Leased;
use crate::domain::{LEASE, LEASE_RENEWAL, LONGEST_REQUEST};
use crate::identity_center::IdentityCenter;

impl Leased<'_> {
    /// Identity Center, as soon as the slot permits a request, with enough of both leases left for it.
    ///
    /// # Errors
    ///
    /// [`WorkerError::LeaseLost`] or [`WorkerError::Busy`] when one went to somebody else, or could not be renewed in time.
    pub(super) async fn center<'s>(&mut self, run: &mut WorkerRun<'s>) -> Result<&'s IdentityCenter, WorkerError> {
        for _ in 0..ATTEMPTS {
            self.sleep(run, run.until_next_request()).await?;
            let center = run.center().await?;
            // To renew the slot may have taken as long as a lease lasts.
            if self.is_left(LONGEST_REQUEST) {
                return Ok(center);
            }
        }
        Err(WorkerError::Busy)
    }

    /// Sleeps, and renews both leases before that, after that, and as often as it takes meanwhile.
    pub(super) async fn sleep(&mut self, run: &mut WorkerRun<'_>, time: Duration) -> Result<(), WorkerError> {
        let mut left = time;
        loop {
            run.renew().await?;
            if !self.is_left(LEASE_RENEWAL) {
                self.write(|_| ()).await?;
            }
            if left.is_zero() {
                return Ok(());
            }
            let part = left.min((LEASE / 3).unsigned_abs());
            self.workers.clock.sleep(part).await;
            left -= part;
        }
    }

    fn is_left(&self, time: jiff::SignedDuration) -> bool {
        let now = self.workers.now();
        self.assignment.lease.as_ref().is_some_and(|lease| lease.until.duration_since(now) >= time)
    }
}
