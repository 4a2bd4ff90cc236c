//! Waiting when Organizations or the Identity Store are asked too often.

use std::time::Duration;

use aws_sdk_organizations::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::DirectoryError;
use crate::clock::Clock;

/// Asked so often, 31 seconds pass. Both services refill their quotas within seconds.
const ATTEMPTS: u32 = 6;

/// Makes a call; while the service says that it is asked too often, waits and makes it again.
///
/// # Errors
///
/// [`DirectoryError::Aws`] when it fails otherwise, or too often.
pub(super) async fn paced<T, E, R, F>(
    clock: &Clock,
    call: &'static str,
    ask: impl Fn() -> F,
) -> Result<T, DirectoryError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E, R>>>,
{
    let mut attempt = 0;
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) if attempt + 1 < ATTEMPTS && is_throttled(error.code()) => {
                clock.sleep(Duration::from_secs(1 << attempt)).await;
                attempt += 1;
            }
            Err(error) => {
                let code = error.code().map(str::to_owned);
                return Err(DirectoryError::Aws { call, code, cause: DisplayErrorContext(error).to_string() });
            }
        }
    }
}

/// The names the two services have for it.
fn is_throttled(code: Option<&str>) -> bool {
    matches!(code, Some("TooManyRequestsException" | "ThrottlingException" | "Throttling"))
}
