//! Keeps an assignment's lease while its holder works.
//!
//! Leases are short ([`LEASE`]), so that the lease of a dead worker delays nobody for long. A live worker renews its
//! lease before each request and each wait, and never sends a request that could outlive it. Each step of a change is
//! written to the record, which also renews the lease: a change that takes Identity Center a few seconds needs no extra
//! write.

use std::time::Duration;

use super::super::context::{ATTEMPTS, WorkerError};
use super::super::run::WorkerRun;
use super::lease::Leased;
use crate::aws::identity_center::IdentityCenter;
use crate::domain::{LEASE, LEASE_RENEWAL, LONGEST_REQUEST};

impl Leased<'_> {
    /// Identity Center, as soon as the slot permits a request and both leases last long enough for it.
    ///
    /// # Errors
    ///
    /// [`WorkerError::LeaseLost`] or [`WorkerError::Busy`] if another worker took a lease over, or it could not be
    /// renewed in time.
    pub(super) async fn center<'s>(&mut self, run: &mut WorkerRun<'s>) -> Result<&'s IdentityCenter, WorkerError> {
        for _ in 0..ATTEMPTS {
            self.sleep(run, run.until_next_request()).await?;
            let center = run.center().await?;
            // Renewing the slot may have taken as long as the assignment's lease lasts.
            if self.is_left(LONGEST_REQUEST) {
                return Ok(center);
            }
        }
        Err(WorkerError::Busy)
    }

    /// Sleeps, and renews both leases before, after, and as often as needed in between.
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
