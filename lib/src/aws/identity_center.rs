//! Identity Center, with the calls stint needs: begin a change of an assignment, ask for its progress, look whether the
//! assignment exists.
//!
//! Creation and deletion are asynchronous and take no client token. All calls of an instance share 20 requests a second
//! (AWS IAM Identity Center quotas), so each method makes at most one request, and callers pace them. Only
//! [`IdentityCenter::user_id`] and [`IdentityCenter::is_in_any`] call another service, the Identity Store. Errors are
//! classified by what the caller can do about them.

mod failure;
mod permission_sets;

use aws_sdk_identitystore::types::{AlternateIdentifier, MemberId, UniqueAttribute};
use aws_sdk_ssoadmin::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ssoadmin::types::{
    AccountAssignmentOperationStatus, OperationStatusFilter, PrincipalType, StatusValues, TargetType,
};
use aws_smithy_types::Document;
use jiff::{SignedDuration, Span};

use crate::domain::{AssignmentKey, OperationKind, PersonLink, Principal, PrincipalKind};

pub use self::failure::Failure;

/// The most groups in a call of `IsMemberInGroups` (its API reference).
const MOST_GROUPS: usize = 100;

/// One Identity Center instance and its Identity Store.
#[derive(Debug, Clone)]
pub struct IdentityCenter {
    sso: aws_sdk_ssoadmin::Client,
    identity_store: aws_sdk_identitystore::Client,
    instance_arn: String,
    identity_store_id: String,
}

/// Why a call failed, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityCenterError {
    /// Another change of the same assignment is under way.
    #[error("another change of the same assignment is under way")]
    Conflict,
    /// The thing that the call names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The call will fail each time.
    #[error("{0}")]
    Invalid(String),
    /// The call had no effect and may succeed later: throttled, or not allowed yet.
    #[error("{0}")]
    Transient(String),
    /// There was no answer that rules out an effect: the change may have been made, or may still be made later.
    #[error("{0}")]
    Unanswered(String),
}

/// The progress of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It has not ended yet.
    InProgress,
    /// It was made.
    Succeeded,
    /// It was not made and never will be. The reason is Identity Center's own text, see [`Failure::of`].
    Failed(String),
}

/// What one page of a list says about an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Whether the page has the user's own assignment.
    pub is_there: bool,
    /// The ids of groups on the page with the same permission set on the same account.
    pub groups: Vec<String>,
    /// The token of the next page; `None` on the last page.
    pub next: Option<String>,
}

impl IdentityCenter {
    /// The instance with this ARN and its Identity Store.
    #[must_use]
    pub fn new(
        sso: aws_sdk_ssoadmin::Client,
        identity_store: aws_sdk_identitystore::Client,
        instance_arn: String,
        identity_store_id: String,
    ) -> Self {
        Self { sso, identity_store, instance_arn, identity_store_id }
    }

    /// The ARN of the instance.
    #[must_use]
    pub fn instance_arn(&self) -> &str {
        &self.instance_arn
    }

    /// The id of the Identity Store user who receives the access of a principal: for an API key the user that an
    /// administrator set; for a person the user with their external id if the directory had one at the decision,
    /// otherwise with their verified e-mail address. Names are not used.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError::NotFound`] if there is no such user.
    pub async fn user_id(&self, principal: &Principal) -> Result<String, IdentityCenterError> {
        if principal.who.kind == PrincipalKind::ServiceAccount {
            let none = || IdentityCenterError::NotFound("no Identity Store user is set on the API key".to_owned());
            return principal.user_id().map(str::to_owned).ok_or_else(none);
        }
        let link = &principal.link;
        let Some(strongest) = link.found.iter().find(|link| !link.user_ids.is_empty()) else {
            return self.user_id_by_email(principal).await;
        };
        if strongest.user_ids.len() > 1 {
            return Err(IdentityCenterError::NotFound("several Identity Store users match the person".to_owned()));
        }
        match &link.external_id {
            Some(external) if strongest.key == PersonLink::by_external_id(&external.issuer, &external.id) => {
                let alternate = aws_sdk_identitystore::types::ExternalId::builder()
                    .issuer(&external.issuer)
                    .id(&external.id)
                    .build()
                    .map_err(|error| IdentityCenterError::Invalid(error.to_string()))?;
                self.user_id_by(AlternateIdentifier::ExternalId(alternate)).await
            }
            Some(_) | None => self.user_id_by_email(principal).await,
        }
    }

    async fn user_id_by_email(&self, principal: &Principal) -> Result<String, IdentityCenterError> {
        let no_email =
            || IdentityCenterError::NotFound("the person has no verified e-mail address to find them by".to_owned());
        let email = principal.email.clone().ok_or_else(no_email)?;
        let unique = UniqueAttribute::builder()
            .attribute_path("emails.value")
            .attribute_value(Document::String(email.clone()))
            .build()
            .map_err(|error| IdentityCenterError::Invalid(error.to_string()))?;
        self.user_id_by(AlternateIdentifier::UniqueAttribute(unique)).await.map_err(|fault| match fault {
            IdentityCenterError::NotFound(_) => {
                IdentityCenterError::NotFound(format!("the Identity Store has no user with the address `{email}`"))
            }
            other @ (IdentityCenterError::Conflict
            | IdentityCenterError::Invalid(_)
            | IdentityCenterError::Transient(_)
            | IdentityCenterError::Unanswered(_)) => other,
        })
    }

    async fn user_id_by(&self, identifier: AlternateIdentifier) -> Result<String, IdentityCenterError> {
        let answer = self
            .identity_store
            .get_user_id()
            .identity_store_id(&self.identity_store_id)
            .alternate_identifier(identifier)
            .send()
            .await
            .map_err(fault)?;
        Ok(answer.user_id)
    }

    /// Begins a change and returns Identity Center's id of it.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError::Conflict`] while another change of the assignment is under way;
    /// [`IdentityCenterError::NotFound`] if the instance, the permission set, or the assignment to delete does not
    /// exist.
    pub async fn begin(&self, kind: OperationKind, key: &AssignmentKey) -> Result<String, IdentityCenterError> {
        let status = match kind {
            OperationKind::Create => {
                self.sso
                    .create_account_assignment()
                    .instance_arn(&key.instance_arn)
                    .target_id(key.account_id.as_str())
                    .target_type(TargetType::AwsAccount)
                    .permission_set_arn(&key.permission_set_arn)
                    .principal_type(PrincipalType::User)
                    .principal_id(&key.principal_id)
                    .send()
                    .await
                    .map_err(|error| match error.code() {
                        // A delegated administrator may not assign in the management account, so a retry cannot help.
                        Some("AccessDeniedException") => IdentityCenterError::Invalid(
                            "stint is not permitted to give access in this account".to_owned(),
                        ),
                        Some(_) | None => fault(error),
                    })?
                    .account_assignment_creation_status
            }
            OperationKind::Delete => {
                self.sso
                    .delete_account_assignment()
                    .instance_arn(&key.instance_arn)
                    .target_id(key.account_id.as_str())
                    .target_type(TargetType::AwsAccount)
                    .permission_set_arn(&key.permission_set_arn)
                    .principal_type(PrincipalType::User)
                    .principal_id(&key.principal_id)
                    .send()
                    .await
                    .map_err(fault)?
                    .account_assignment_deletion_status
            }
        };
        status
            .and_then(|status| status.request_id)
            .ok_or_else(|| IdentityCenterError::Unanswered("Identity Center answered without a request id".to_owned()))
    }

    /// The progress of a change.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError::NotFound`] if Identity Center no longer has the change.
    pub async fn progress(
        &self,
        kind: OperationKind,
        instance: &str,
        request: &str,
    ) -> Result<Progress, IdentityCenterError> {
        let status = match kind {
            OperationKind::Create => self.creation_status(instance, request).await?,
            OperationKind::Delete => {
                self.sso
                    .describe_account_assignment_deletion_status()
                    .instance_arn(instance)
                    .account_assignment_deletion_request_id(request)
                    .send()
                    .await
                    .map_err(fault)?
                    .account_assignment_deletion_status
            }
        };
        Ok(status.map_or(Progress::InProgress, progress))
    }

    async fn creation_status(
        &self,
        instance: &str,
        request: &str,
    ) -> Result<Option<AccountAssignmentOperationStatus>, IdentityCenterError> {
        let answer = self
            .sso
            .describe_account_assignment_creation_status()
            .instance_arn(instance)
            .account_assignment_creation_request_id(request)
            .send()
            .await
            .map_err(fault)?;
        Ok(answer.account_assignment_creation_status)
    }

    /// One page of the ids of an instance's unfinished creations, of any assignment, and the token of the next page.
    /// Without `page`, the first page.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError`] if they cannot be read.
    pub async fn unfinished_creations(
        &self,
        instance: &str,
        page: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), IdentityCenterError> {
        let unfinished = OperationStatusFilter::builder().status(StatusValues::InProgress).build();
        let answer = self
            .sso
            .list_account_assignment_creation_status()
            .instance_arn(instance)
            .filter(unfinished)
            .set_next_token(page)
            .send()
            .await
            .map_err(fault)?;
        let statuses = answer.account_assignments_creation_status.unwrap_or_default();
        Ok((statuses.into_iter().filter_map(|status| status.request_id).collect(), answer.next_token))
    }

    /// Whether a creation is one of this assignment.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError::NotFound`] if Identity Center no longer has the creation.
    pub async fn creates(&self, request: &str, key: &AssignmentKey) -> Result<bool, IdentityCenterError> {
        let status = self.creation_status(&key.instance_arn, request).await?;
        Ok(status.is_some_and(|status| {
            status.target_id.as_deref() == Some(key.account_id.as_str())
                && status.permission_set_arn.as_deref() == Some(&key.permission_set_arn)
                && status.principal_id.as_deref() == Some(&key.principal_id)
        }))
    }

    /// One page of who has an assignment's permission set on its account. Without `page`, the first page.
    ///
    /// `ListAccountAssignmentsForPrincipal` would answer for one user, including groups, but "must be called from the
    /// management account" (its API reference), and stint may run in a delegated administrator's account.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError::NotFound`] if the instance or the permission set does not exist.
    pub async fn list(&self, key: &AssignmentKey, page: Option<String>) -> Result<Listed, IdentityCenterError> {
        let answer = self
            .sso
            .list_account_assignments()
            .instance_arn(&key.instance_arn)
            .account_id(key.account_id.as_str())
            .permission_set_arn(&key.permission_set_arn)
            .set_next_token(page)
            .send()
            .await
            .map_err(fault)?;
        let mut listed = Listed { is_there: false, groups: Vec::new(), next: answer.next_token };
        for assignment in answer.account_assignments.unwrap_or_default() {
            match (assignment.principal_type, assignment.principal_id) {
                (Some(PrincipalType::Group), Some(group)) => listed.groups.push(group),
                (Some(PrincipalType::User), Some(user)) => listed.is_there |= user == key.principal_id,
                (_, _) => {}
            }
        }
        Ok(listed)
    }

    /// Whether a user is a member of any of the groups. A deleted group has no members, but its assignments remain.
    /// This calls the Identity Store, whose requests do not count against Identity Center's limit: one request for each
    /// hundred groups, and more to find those that do not exist.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError`] if it cannot be found out.
    pub async fn is_in_any(&self, user_id: &str, groups: &[String]) -> Result<bool, IdentityCenterError> {
        let mut unasked: Vec<&[String]> = groups.chunks(MOST_GROUPS).collect();
        while let Some(groups) = unasked.pop() {
            let answer = self
                .identity_store
                .is_member_in_groups()
                .identity_store_id(&self.identity_store_id)
                .member_id(MemberId::UserId(user_id.to_owned()))
                .set_group_ids(Some(groups.to_vec()))
                .send()
                .await;
            match answer.map_err(fault) {
                Ok(answer) if answer.results.iter().any(|result| result.membership_exists) => return Ok(true),
                Ok(_) => {}
                // One of the groups does not exist, and the error says nothing about the others.
                Err(IdentityCenterError::NotFound(_)) if groups.len() > 1 => {
                    let (first, second) = groups.split_at(groups.len() / 2);
                    unasked.extend([first, second]);
                }
                Err(IdentityCenterError::NotFound(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(false)
    }

    /// How long role credentials of a permission set are valid: they outlive the assignment by up to this time.
    ///
    /// # Errors
    ///
    /// [`IdentityCenterError`] if it cannot be read.
    pub async fn session_duration(&self, permission_set_arn: &str) -> Result<SignedDuration, IdentityCenterError> {
        let answer = self
            .sso
            .describe_permission_set()
            .instance_arn(&self.instance_arn)
            .permission_set_arn(permission_set_arn)
            .send()
            .await
            .map_err(fault)?;
        let text = answer.permission_set.and_then(|set| set.session_duration);
        let span: Option<Span> = text.as_deref().and_then(|text| text.parse().ok());
        let duration = span.and_then(|span| SignedDuration::try_from(span).ok());
        // Identity Center's default is one hour.
        Ok(duration.unwrap_or(SignedDuration::from_hours(1)))
    }
}

fn progress(status: AccountAssignmentOperationStatus) -> Progress {
    match status.status {
        Some(StatusValues::Succeeded) => Progress::Succeeded,
        Some(StatusValues::Failed) => {
            Progress::Failed(status.failure_reason.unwrap_or_else(|| "Identity Center gave no reason".to_owned()))
        }
        Some(_) | None => Progress::InProgress,
    }
}

fn fault<E>(error: SdkError<E>) -> IdentityCenterError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    // A refused call had no effect; any other failed call may have had one.
    let refused = error.raw_response().is_some_and(|answer| answer.status().is_client_error());
    let text = match error.message() {
        Some(message) => format!("{code}: {message}"),
        None => DisplayErrorContext(error).to_string(),
    };
    match code.as_str() {
        "ConflictException" => IdentityCenterError::Conflict,
        "ResourceNotFoundException" => IdentityCenterError::NotFound(text),
        "ValidationException" => IdentityCenterError::Invalid(text),
        _ if refused => IdentityCenterError::Transient(text),
        _ => IdentityCenterError::Unanswered(text),
    }
}
