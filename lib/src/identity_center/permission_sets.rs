//! The permission sets of an instance, one request a call.

use super::{IdentityCenter, IdentityCenterError, fault};

impl IdentityCenter {
    /// The ARNs on one page of the instance's permission sets, the first or the one named, and the name of the next.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError`] when they cannot be read.
    pub async fn permission_set_arns(
        &self,
        page: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), IdentityCenterError> {
        let list = self.sso.list_permission_sets().instance_arn(&self.instance_arn).max_results(100);
        let answer = list.set_next_token(page).send().await.map_err(fault)?;
        Ok((answer.permission_sets.unwrap_or_default(), answer.next_token))
    }

    /// The name of a permission set. It never changes (`UpdatePermissionSet` takes none).
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError::NotFound`] when there is no such permission set.
    pub async fn permission_set_name(&self, arn: &str) -> Result<String, IdentityCenterError> {
        let describe = self.sso.describe_permission_set().instance_arn(&self.instance_arn);
        let answer = describe.permission_set_arn(arn).send().await.map_err(fault)?;
        let name = answer.permission_set.and_then(|set| set.name);
        name.ok_or_else(|| IdentityCenterError::Unanswered(format!("Identity Center names no name of {arn}")))
    }
}
