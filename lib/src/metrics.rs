//! What the product measures of itself, in CloudWatch's embedded metric format.
//!
//! One line of JSON on standard output is one measurement; CloudWatch makes the metric of it, so measuring costs no call
//! and no permission. The format is that of "Specification: Embedded metric format" (Amazon CloudWatch User Guide).

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "stint";
/// The dimension of all metrics: two stacks of one account must not be taken for one.
pub const STACK: &str = "Stack";
/// The dimension of [`Measurement::Decisions`].
pub const OUTCOME: &str = "RequestOutcome";

/// Something that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measurement {
    /// From the end of a grant to the end of its access. What a customer is promised to be short.
    OverGrantSeconds(SignedDuration),
    /// From when a grant was to begin to when it was usable.
    ProvisioningLatencySeconds(SignedDuration),
    /// How long the oldest obligation has been overdue; zero if none is.
    OldestOverdueSeconds(SignedDuration),
    /// How long ago the oldest part of the directory was read in full.
    DirectoryAgeSeconds(SignedDuration),
    /// How much of the directory AWS seems to have lost, and is kept until an administrator says otherwise; zero if nothing.
    DirectoryHeldBack(u32),
    /// What came of an ask; one each.
    Decisions(RequestOutcome),
}

/// What came of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Policy granted it at once.
    Auto,
    /// Policy asks people.
    Require,
    /// Policy denied it.
    Denied,
    /// The glass was broken: policy was not asked.
    BreakGlass,
}

impl RequestOutcome {
    /// Every outcome.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::Require, Self::Denied, Self::BreakGlass];

    /// The value of the dimension.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Require => "require",
            Self::Denied => "denied",
            Self::BreakGlass => "break_glass",
        }
    }
}

/// Where measurements go. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Metrics {
    /// To standard output, for CloudWatch, as those of the stack of this name.
    Stdout(Arc<str>),
    /// Nowhere: whoever has it looks at them.
    Memory(Arc<Mutex<Vec<Measurement>>>),
}

impl Metrics {
    /// Kept, and written nowhere.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Records what was measured at `now`. It never fails: nothing is left undone for want of a number.
    pub fn record(&self, measurement: Measurement, now: Timestamp) {
        match self {
            Self::Stdout(stack) => {
                // One write, so that no line of the log gets in between.
                let line = format!("{}\n", measurement.line(stack, now));
                if let Err(error) = std::io::stdout().lock().write_all(line.as_bytes()) {
                    tracing::warn!(cause = %error, "a measurement was lost");
                }
            }
            Self::Memory(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).push(measurement),
        }
    }

    /// What is kept in memory.
    #[must_use]
    pub fn kept(&self) -> Vec<Measurement> {
        match self {
            Self::Stdout(_) => Vec::new(),
            Self::Memory(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Measurement {
    /// The name of its metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OverGrantSeconds(_) => "OverGrantSeconds",
            Self::ProvisioningLatencySeconds(_) => "ProvisioningLatencySeconds",
            Self::OldestOverdueSeconds(_) => "OldestOverdueSeconds",
            Self::DirectoryAgeSeconds(_) => "DirectoryAgeSeconds",
            Self::DirectoryHeldBack(_) => "DirectoryHeldBack",
            Self::Decisions(_) => "Decisions",
        }
    }

    fn line(self, stack: &str, now: Timestamp) -> Value {
        let (unit, value, outcome) = match self {
            Self::OverGrantSeconds(span)
            | Self::ProvisioningLatencySeconds(span)
            | Self::OldestOverdueSeconds(span)
            | Self::DirectoryAgeSeconds(span) => ("Seconds", json!(span.as_secs_f64().max(0.0)), None),
            Self::DirectoryHeldBack(count) => ("Count", json!(count), None),
            Self::Decisions(outcome) => ("Count", json!(1), Some(outcome.as_str())),
        };
        let dimensions: &[&str] = if outcome.is_some() { &[STACK, OUTCOME] } else { &[STACK] };
        let mut line = json!({
            "_aws": {
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [dimensions],
                    "Metrics": [{"Name": self.name(), "Unit": unit}],
                }],
            },
            STACK: stack,
            (self.name()): value,
        });
        if let (Some(outcome), Some(line)) = (outcome, line.as_object_mut()) {
            line.insert(OUTCOME.to_owned(), outcome.into());
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINE: &str = "2026-01-05T09:00:00Z";

    fn line(measurement: Measurement) -> Value {
        measurement.line("stint", NINE.parse().unwrap_or_default())
    }

    #[test]
    fn a_length_of_time_is_in_seconds() {
        let expected = json!({
            "_aws": {
                "Timestamp": 1_767_603_600_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "stint",
                    "Dimensions": [["Stack"]],
                    "Metrics": [{"Name": "OverGrantSeconds", "Unit": "Seconds"}],
                }],
            },
            "Stack": "stint",
            "OverGrantSeconds": 1.5,
        });
        assert_eq!(line(Measurement::OverGrantSeconds(SignedDuration::from_millis(1500))), expected);
    }

    #[test]
    fn a_decision_counts_once_under_its_outcome() {
        let expected = json!({
            "_aws": {
                "Timestamp": 1_767_603_600_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "stint",
                    "Dimensions": [["Stack", "RequestOutcome"]],
                    "Metrics": [{"Name": "Decisions", "Unit": "Count"}],
                }],
            },
            "Stack": "stint",
            "RequestOutcome": "break_glass",
            "Decisions": 1,
        });
        assert_eq!(line(Measurement::Decisions(RequestOutcome::BreakGlass)), expected);
    }

    /// CloudWatch drops a line whose dimensions or metrics are not there.
    #[test]
    fn what_a_line_announces_it_has() {
        let second = SignedDuration::from_secs(1);
        let spans = [
            Measurement::OverGrantSeconds(second),
            Measurement::ProvisioningLatencySeconds(second),
            Measurement::OldestOverdueSeconds(second),
        ];
        let decisions = RequestOutcome::ALL.iter().map(|outcome| Measurement::Decisions(*outcome));
        for measurement in spans.into_iter().chain(decisions) {
            let line = line(measurement);
            let of = |pointer: &str| line.pointer(&format!("/_aws/CloudWatchMetrics/0/{pointer}")).cloned();
            let dimensions = of("Dimensions/0").and_then(|it| it.as_array().cloned()).unwrap_or_default();
            assert!(!dimensions.is_empty(), "{line}");
            let text = |name: &Value| name.as_str().and_then(|name| line.get(name)).is_some_and(Value::is_string);
            assert!(dimensions.iter().all(text), "{line}");
            let name = of("Metrics/0/Name").unwrap_or_default();
            assert!(name.as_str().and_then(|name| line.get(name)).is_some_and(Value::is_number), "{line}");
        }
    }

    #[test]
    fn clocks_that_differ_make_no_negative_length() {
        let line = line(Measurement::OverGrantSeconds(SignedDuration::from_secs(-1)));
        assert_eq!(line.get("OverGrantSeconds"), Some(&json!(0.0)));
    }
}
