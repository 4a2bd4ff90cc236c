//! Retries when Organizations or the Identity Store throttle a call.

use std::time::Duration;

use aws_sdk_organizations::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::DirectoryError;
use crate::clock::Clock;

/// How often a call is made. The pauses add up to 31 seconds; both services refill their quotas within seconds.
const ATTEMPTS: u32 = 6;

/// Makes a call, and repeats it with growing pauses while the service throttles it.
///
/// # Errors
///
/// [`DirectoryError::Aws`] if it fails otherwise, or is throttled each time.
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

/// The error codes of the two services for throttling.
fn is_throttled(code: Option<&str>) -> bool {
    matches!(code, Some("TooManyRequestsException" | "ThrottlingException" | "Throttling"))
}
