//! The permission sets of an instance; each call makes one request.

use super::{IdentityCenter, IdentityCenterError, fault};

impl IdentityCenter {
    /// One page of the ARNs of the instance's permission sets, and the token of the next page. Without `page`, the
    /// first page.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError`] if they cannot be read.
    pub async fn permission_set_arns(
        &self,
        page: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), IdentityCenterError> {
        let list = self.sso.list_permission_sets().instance_arn(&self.instance_arn).max_results(100);
        let answer = list.set_next_token(page).send().await.map_err(fault)?;
        Ok((answer.permission_sets.unwrap_or_default(), answer.next_token))
    }

    /// The name of a permission set. It never changes (`UpdatePermissionSet` has no parameter for it).
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError::NotFound`] if there is no such permission set.
    pub async fn permission_set_name(&self, arn: &str) -> Result<String, IdentityCenterError> {
        let describe = self.sso.describe_permission_set().instance_arn(&self.instance_arn);
        let answer = describe.permission_set_arn(arn).send().await.map_err(fault)?;
        let name = answer.permission_set.and_then(|set| set.name);
        name.ok_or_else(|| IdentityCenterError::Unanswered(format!("Identity Center returned no name for {arn}")))
    }
}
