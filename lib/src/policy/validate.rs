//! Strict validation of a policy text against the tenant's schema and directory.

use std::str::FromStr as _;

use cedar_policy::{Effect, PolicySet, ValidationMode, ValidationWarning};
use serde::{Deserialize, Serialize};

use super::bounds;
use super::model::{Directory, TenantSchema};
use super::problem::{MAX_PROBLEMS, PolicyErrors, Problem};
use super::text::parse_policy_set;
use super::unknown::unknown_names;

/// The result of validating a policy text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Problems because of which the text cannot be stored.
    pub errors: Vec<Problem>,
    /// Problems that are probably mistakes.
    pub warnings: Vec<Problem>,
}

impl Report {
    /// Whether the text may be stored.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors, if there are any.
    ///
    /// # Errors
    ///
    /// [`PolicyErrors`] when the text may not be stored.
    pub fn into_result(self) -> Result<Vec<Problem>, PolicyErrors> {
        if self.errors.is_empty() { Ok(self.warnings) } else { Err(PolicyErrors(self.errors)) }
    }
}

/// Checks a policy text: that it parses to rules, and, strictly, that it fits the tenant's schema. If it does, it is warned
/// of what it names that the tenant's directory does not know.
#[must_use]
pub fn validate(text: &str, schema: &TenantSchema, directory: &Directory) -> Report {
    if let Err(errors) = parse_policy_set(text) {
        return Report { errors: errors.0, warnings: Vec::new() };
    }
    bounds::with_stack(|| validate_bounded(text, schema, directory))
}

fn validate_bounded(text: &str, schema: &TenantSchema, directory: &Directory) -> Report {
    let set = match PolicySet::from_str(text) {
        Ok(set) => set,
        Err(errors) => return Report { errors: PolicyErrors::of_parse(text, &errors).0, warnings: Vec::new() },
    };
    let result = schema.validator().validate(&set, ValidationMode::Strict);
    let mut errors: Vec<_> = result.validation_errors().map(|error| Problem::of_diagnostic(text, error)).collect();
    let (never_forbids, warnings): (Vec<_>, Vec<_>) = result.validation_warnings().partition(|warning| {
        let is_forbid = || set.policy(warning.policy_id()).is_some_and(|rule| rule.effect() == Effect::Forbid);
        matches!(warning, ValidationWarning::ImpossiblePolicy(_)) && is_forbid()
    });
    // A permit that can never apply permits nothing. A forbid that can never apply lets through what it is to stop.
    errors.extend(never_forbids.into_iter().map(|warning| Problem::of_diagnostic(text, warning)));
    let mut warnings: Vec<_> = warnings.into_iter().map(|warning| Problem::of_diagnostic(text, warning)).collect();
    for problems in [&mut errors, &mut warnings] {
        // Cedar checks a statement once for each type of principal and resource it may meet, and says the same again.
        problems.sort_by(|left, right| {
            (left.line, left.column, &left.message).cmp(&(right.line, right.column, &right.message))
        });
        problems.dedup();
        problems.truncate(MAX_PROBLEMS);
    }
    // Only of what is well-formed: the rest is not looked into any further.
    if errors.is_empty() {
        warnings.extend(unknown_names(text, &set, directory));
        warnings.sort_by_key(|warning| (warning.line, warning.column));
    }
    Report { errors, warnings }
}
