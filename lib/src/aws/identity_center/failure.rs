//! Classifies the reasons that Identity Center gives for a failed change.
//!
//! AWS does not document these texts. Those below are from public reports: terraform-provider-aws (the resource
//! `aws_ssoadmin_account_assignment` and its tests), pulumi-aws#1927, aws-cli#8356,
//! landing-zone-accelerator-on-aws#496, aws-identitycenter-codepipeline-auto-assignment#31,
//! iam-identity-center-team#522.

/// What to do about a failed change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It fails each time; with a sentence that explains why.
    Permanent(&'static str),
    /// The account, user or permission set does not exist: after a deletion, the assignment is gone.
    Missing(&'static str),
    /// It may succeed later. Unknown reasons count as transient: they are retried with backoff.
    Transient,
}

impl Failure {
    /// Classifies a reason.
    #[must_use]
    pub fn of(reason: &str) -> Self {
        let reason = reason.to_ascii_lowercase();
        let says = |text: &str| reason.contains(text);
        // "Received a 404 status error: …" contains the status of the service that Identity Center called.
        let status = reason.split_once("received a ").and_then(|(_, rest)| rest.split_once(" status error"));
        match status.map(|(status, _)| status) {
            Some("404") if says("not supported policy") => {
                Self::Permanent("the account lacks a policy that the permission set names")
            }
            Some("404") if says("assignee") || says("user") || says("principal") => {
                Self::Missing("Identity Center has no such user")
            }
            Some("404") if says("permission set") => Self::Missing("the permission set does not exist"),
            Some("404") if says("account") => Self::Missing("the account does not exist in the organization"),
            Some("404") => Self::Missing("Identity Center did not find a part of the access"),
            // "Access denied by IAM": for the management account, in which only its own administrators may assign.
            Some("403") => Self::Permanent("Identity Center may not change access in this account"),
            Some("400") if says("thrott") || says("rate exceeded") => Self::Transient,
            Some("400") => Self::Permanent("Identity Center does not accept the permission set in this account"),
            _ if says("cannot exceed quota") || says("limitexceeded") => {
                Self::Permanent("the account has as many roles as its quota allows")
            }
            _ if says("is suspended") || says("is closed") => Self::Permanent("the account is suspended or closed"),
            // 409, 429, 5xx; "An unexpected internal service exception was encountered"; "Obtaining permissions to
            // manage your AWS account … takes longer than usual", which is returned for new accounts and for suspended
            // ones.
            _ => Self::Transient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn what_a_retry_cannot_help_is_told_from_what_it_can() {
        let permanent = [
            "Received a 404 status error: Account not found",
            "Received a 404 status error: the USER assignee 0000 was not found in directory d-0000",
            "Received a 404 status error: Not supported policy arn:aws:iam::111111111111:policy/own",
            "Received a 403 status error: Access denied by IAM. Please check your policy, or wait for role propagation to \
             complete. IAM Error: User: … is not authorized to perform: iam:CreateSAMLProvider",
            "Received a 400 status error: The policy is not valid",
            "Cannot exceed quota for RolesPerAccount: 1000 (Service: Iam, Status Code: 409)",
            "The account is suspended",
        ];
        for reason in permanent {
            assert!(!matches!(Failure::of(reason), Failure::Transient), "{reason}");
        }
        let transient = [
            "An unexpected internal service exception was encountered",
            "Received a 500 status error: Internal failure",
            "Received a 409 status error: There is a conflicting operation in process",
            "Received a 429 status error: Rate exceeded",
            "Received a 400 status error: Rate exceeded",
            "AWS SSO is unable to complete your request at this time. Obtaining permissions to manage your AWS account \
             '111111111111' takes longer than usual. Please try again in a few minutes.",
            "something nobody has reported yet",
            "",
        ];
        for reason in transient {
            assert_eq!(Failure::of(reason), Failure::Transient, "{reason}");
        }
    }
}
