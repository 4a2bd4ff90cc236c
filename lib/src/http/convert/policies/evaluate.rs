//! Conversions of evaluation questions and results, and of validation reports.

use stint_api::{EvaluatePolicies, Metadata, PolicyEvaluation, PolicyValidation, RuleFailure};

use super::problems;
use crate::domain::{PrincipalRef, ResourceRef, ResourceType};
use crate::http::convert::requests::action;
use crate::http::error::Error;
use crate::policy::{Report, TrialResult, parse_principal};

const MAX_PRINCIPAL: usize = 256;

/// A question that can be put.
#[derive(Debug, Clone)]
pub(in crate::http) struct PolicyQuestions {
    pub who: PrincipalRef,
    pub groups: Option<Vec<String>>,
    pub resource: ResourceRef,
    pub action: String,
    pub context: Option<Metadata>,
}

impl TryFrom<EvaluatePolicies> for PolicyQuestions {
    type Error = Error;

    fn try_from(asked: EvaluatePolicies) -> Result<Self, Error> {
        if !(1..=MAX_PRINCIPAL).contains(&asked.principal.chars().count()) {
            return Err(Error::input("principal", format!("must be 1 to {MAX_PRINCIPAL} characters")));
        }
        let who = parse_principal(&asked.principal).filter(|who| !who.id.is_empty()).ok_or_else(|| {
            Error::input("principal", "must name a person, or a service account by the id of its API key")
        })?;
        Ok(Self {
            who,
            groups: asked.groups,
            resource: resource(&asked.resource)?,
            action: action("action", asked.action)?,
            context: asked.context,
        })
    }
}

fn resource(text: &str) -> Result<ResourceRef, Error> {
    let (kind, id) = text
        .split_once(':')
        .and_then(|(kind, id)| Some((ResourceType::parse(kind)?, id)))
        .ok_or_else(|| Error::input("resource", "must be `type:id`, such as `aws_account:111111111111`"))?;
    ResourceRef::new(kind, id).map_err(|error| Error::input("resource", error.to_string()))
}

impl From<TrialResult> for PolicyEvaluation {
    fn from(TrialResult { decision, context }: TrialResult) -> Self {
        let terms = decision.terms();
        let (approval_mode, max_duration_seconds) =
            (terms.map(|terms| terms.approval_mode), terms.map(|terms| terms.max_duration_seconds));
        Self {
            permitted: decision.is_permitted(),
            approval_mode,
            max_duration_seconds,
            matching_policy_ids: decision.matching_policy_ids,
            reason: decision.reason,
            notices: decision.notices,
            errors: decision
                .errors
                .into_iter()
                .map(|error| RuleFailure { policy_id: error.policy_id, rule_id: error.rule_id, message: error.message })
                .collect(),
            evaluated_context: context,
        }
    }
}

impl From<Report> for PolicyValidation {
    fn from(report: Report) -> Self {
        Self { valid: report.is_valid(), errors: problems(report.errors), warnings: problems(report.warnings) }
    }
}
