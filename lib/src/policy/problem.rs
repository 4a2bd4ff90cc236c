//! What is wrong with a policy text, and where.

use std::fmt;

use cedar_policy::ParseErrors;
use miette::Diagnostic;
use serde::{Deserialize, Serialize};

/// The most problems that are reported of one text.
pub(super) const MAX_PROBLEMS: usize = 100;
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
    pub(super) fn of_diagnostic(text: &str, diagnostic: &(impl Diagnostic + ?Sized)) -> Self {
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
pub struct PolicyErrors(pub(super) Vec<Problem>);

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
