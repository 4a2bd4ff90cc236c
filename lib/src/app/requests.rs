//! Who may see a request.

use super::{AccessError, OperationContext, TenantEngine};
use crate::auth::ApiScope;
use crate::domain::AccessRequest;
use crate::policy::Approve;

const UNKNOWN: AccessError = AccessError::NotFound("there is no such request, or you may not see it");

/// The request, if the caller may see it: their own, one they may decide, or any if they may see everything.
///
/// # Errors
///
/// [`AccessError::NotFound`] if it does not exist or may not be seen (INVARIANT 6: the answer is the same).
pub async fn request_visible(
    access: &OperationContext,
    request: Option<AccessRequest>,
) -> Result<AccessRequest, AccessError> {
    let request = request.ok_or(UNKNOWN)?;
    if is_plainly_visible(access, &request) {
        return Ok(request);
    }
    let engine = access.engine().await?;
    if engine.may_decide(access, &request) { Ok(request) } else { Err(UNKNOWN) }
}

fn is_plainly_visible(access: &OperationContext, request: &AccessRequest) -> bool {
    access.caller().sees_everything() || request.was_made_by(&access.caller().principal().who)
}

impl TenantEngine {
    fn may_decide(&self, access: &OperationContext, request: &AccessRequest) -> bool {
        access.caller().has(ApiScope::RequestsDecide) && self.approval(access, request).is_ok()
    }

    /// Whether the caller may be able to see requests of others; `false` is certain.
    #[must_use]
    pub fn may_show_requests_of_others(&self, access: &OperationContext) -> bool {
        let caller = access.caller();
        caller.sees_everything()
            || caller.has(ApiScope::RequestsDecide) && self.engine.might_authorize::<Approve>(caller.principal())
    }

    /// Whether the caller may see a request.
    #[must_use]
    pub fn shows_request(&self, access: &OperationContext, request: &AccessRequest) -> bool {
        is_plainly_visible(access, request) || self.may_decide(access, request)
    }
}
