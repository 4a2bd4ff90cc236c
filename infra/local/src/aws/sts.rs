//! sts: who one is, and the roles of other accounts.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;
use stint::clock::Clock;

use super::Services;
use super::service::{Invocation, StandIn};
use super::wire::{Answer, Failure, XML, read};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRole {
    role_arn: String,
    role_session_name: String,
    external_id: Option<String>,
    duration_seconds: Option<String>,
}

pub(super) const STAND_IN: StandIn = StandIn {
    content_type: XML,
    answer: Services::sts,
    internal_error: "InternalFailure",
    throttling: "Throttling",
    ..StandIn::JSON_1_1
};

impl Services {
    fn sts(&self, call: &Invocation<'_>) -> Answer {
        let (operation, input) = (call.operation, call.input);
        match operation {
            "GetCallerIdentity" => Ok(json!({
                "Arn": format!("arn:aws:iam::{}:user/local", self.seeded.account_id),
                "UserId": "AIDALOCAL",
                "Account": self.seeded.account_id,
            })),
            "AssumeRole" => self.assume_role(&read(input)?),
            _ => Err(Failure::new("InvalidAction", format!("the action `{operation}` is not known"))),
        }
        .map_err(|failure| failure.renamed("ValidationException", "ValidationError"))
    }

    fn assume_role(&self, input: &AssumeRole) -> Answer {
        let role = self.seeded.roles.iter().find(|role| role.arn == input.role_arn);
        if role.is_some_and(|role| Some(&role.external_id) != input.external_id.as_ref()) {
            return Err(Failure::new(
                "AccessDenied",
                format!("not authorized to perform: sts:AssumeRole on resource: {}", input.role_arn),
            ));
        }
        let seconds = match input.duration_seconds.as_deref().map(str::parse::<i64>) {
            None => 3_600,
            Some(Ok(seconds)) if (900..=43_200).contains(&seconds) => seconds,
            Some(_) => return Err(Failure::validation("durationSeconds is out of range")),
        };
        // The SDK that caches these credentials goes by the machine's clock, whatever ours says.
        let expiration = Clock::System
            .now()
            .checked_add(SignedDuration::from_secs(seconds))
            .map_err(|error| Failure::internal(error.to_string()))?;
        let role = input.role_arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/");
        let session = &input.role_session_name;
        Ok(json!({
            "AssumedRoleUser": {
                "AssumedRoleId": format!("AROALOCAL:{session}"),
                "Arn": format!("{role}/{session}"),
            },
            "Credentials": {
                "AccessKeyId": "ASIALOCAL",
                "SecretAccessKey": "local",
                "SessionToken": "local",
                "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            },
        }))
    }
}
