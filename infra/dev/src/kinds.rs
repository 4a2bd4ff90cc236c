//! The partition key of each kind of record, as a pattern of IAM: `lib/src/store/keys.rs` says how keys are made.

use crate::GenerateError;

/// Any UUID. Not `*`, which would match the separator `#` and everything after it.
const UUID: &str = "????????-????-????-????-????????????";

/// The kinds that a tenant has one partition of: `T#<tenant>#<KIND>`.
const OF_A_TENANT: [&str; 17] = [
    "APIKEY",
    "AUDIT",
    "AUDITHEAD",
    "EVENT",
    "GRANT",
    "IDEMPOTENCY",
    "LINK",
    "PENDING",
    "PERSON",
    "POLICY",
    "REFUSAL",
    "REQUEST",
    "RESOURCE",
    "SLOT",
    "TENANT",
    "USER",
    "VERSIONS",
];

/// The kinds that belong to the Identity Center instance: `<KIND>#<instance ARN>`.
const OF_THE_INSTANCE: [&str; 3] = ["ASSIGNMENT", "SLOTS", "SYNC"];

/// The kinds that belong to an issuer of tokens, whichever it is: `<KIND>#<issuer>`.
const OF_AN_ISSUER: [&str; 2] = ["ISSUERKEYS", "KEYLOOKUP"];

/// What `dynamodb:LeadingKeys` has to be like for a record of this kind, as a value of the template.
///
/// # Errors
///
/// [`GenerateError::UnknownKind`]
pub(crate) fn leading_key(kind: &str) -> Result<String, GenerateError> {
    if kind == "MESSAGE" {
        // Messages have a partition for each request.
        Ok(format!("T#{UUID}#MESSAGE#{UUID}"))
    } else if OF_A_TENANT.contains(&kind) {
        Ok(format!("T#{UUID}#{kind}"))
    } else if OF_THE_INSTANCE.contains(&kind) {
        Ok(format!("!Sub {kind}#${{IdentityCenterInstanceArn}}"))
    } else if OF_AN_ISSUER.contains(&kind) {
        Ok(format!("{kind}#*"))
    } else {
        Err(GenerateError::UnknownKind(kind.to_owned()))
    }
}
