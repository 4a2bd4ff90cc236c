//! The death of the product's process, between two of its lines: a fault may ask for it.

use axum::body::Body;
use axum::http::Response;
use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Death(Notify);

impl Death {
    /// Does some work of the process, which ends with it: then there is no result.
    pub(super) async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            // First, so that it listens before the work begins.
            biased;
            () = self.0.notified() => None,
            done = work => Some(done),
        }
    }

    /// Ends the process, which gets no answer any more: this ends when its connection does.
    pub(super) async fn of_the_caller(&self) -> Response<Body> {
        self.0.notify_waiters();
        std::future::pending().await
    }
}
