//! What is wrong with a policy text, and where; strict validation.

use std::fmt;
use std::str::FromStr as _;

use cedar_policy::{Effect, ParseErrors, PolicySet, ValidationMode, ValidationWarning};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::model::{Directory, TenantSchema};
use super::text;
use super::unknown::unknown_names;

/// The most problems that are told of one text.
const MAX_PROBLEMS: usize = 100;
/// The longest message, in characters.
const MAX_MESSAGE: usize = 1_000;

/// Something wrong with a policy text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl Problem {
    /// A problem at a byte of the text.
    pub(super) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        Self {
            line: before.matches('\n').count().saturating_add(1),
            column: column.saturating_add(1),
            message: message.into(),
        }
        .shortened()
    }

    /// Cedar quotes what it is about, however long that is.
    fn shortened(mut self) -> Self {
        if let Some((end, _)) = self.message.char_indices().nth(MAX_MESSAGE.saturating_sub(1))
            && self.message.get(end..).is_some_and(|rest| rest.chars().nth(1).is_some())
        {
            self.message.truncate(end);
            self.message.push('…');
        }
        self
    }

    /// What Cedar says, at the place it points to.
    fn of_diagnostic(text: &str, diagnostic: &(impl Diagnostic + ?Sized)) -> Self {
        let offset = diagnostic.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
        let said = without_number(&diagnostic.to_string());
        let message = match diagnostic.help() {
            Some(help) => format!("{said} ({})", without_number(&help.to_string())),
            None => said,
        };
        Self::at(text, offset, message)
    }
}

/// Without the number Cedar gives the statement; the place says which one it is.
fn without_number(said: &str) -> String {
    let rest = said.strip_prefix("for policy `policy").and_then(|rest| rest.split_once("`, "));
    rest.map_or(said, |(_, rest)| rest).to_owned()
}

/// Why a policy text is refused; at least one problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PolicyErrors(Vec<Problem>);

impl PolicyErrors {
    pub(super) fn new(first: Problem) -> Self {
        Self(vec![first])
    }

    pub(super) fn of_parse(text: &str, errors: &ParseErrors) -> Self {
        Self(errors.iter().take(MAX_PROBLEMS).map(|error| Problem::of_diagnostic(text, error)).collect())
    }

    /// The problems, in the order of the text as far as Cedar keeps to it.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

/// What validation says of a policy text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What keeps the text from being stored.
    pub errors: Vec<Problem>,
    /// What is probably not meant.
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
    if let Err(errors) = text::parse_policy_set(text) {
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
