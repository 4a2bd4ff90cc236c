//! How large an answer is on its way through Lambda.
//!
//! A function's answer to API Gateway is a JSON document with the body as a string in it, and may have 6 MB (AWS Lambda,
//! "Quotas"). So the body is escaped once more: each quote and backslash of it takes two bytes.

use std::io;

use serde::Serialize;

use super::error::Error;

/// The most bytes of an answer, as Lambda carries it.
pub(super) const MAX_ANSWER_BYTES: usize = 5_000_000;
/// What of it is left to headers, the cursor and the frame of a page.
const FRAME_BYTES: usize = 16 * 1024;

/// What is left of an answer that is being put together.
#[derive(Debug)]
pub(super) struct PageBudget(Option<usize>);

impl PageBudget {
    /// Of an answer that has nothing in it.
    pub(super) fn new() -> Self {
        Self(None)
    }

    /// Takes the room for some bytes. The first are always taken: one item is at most 400 KB in the table, and fits.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let used = self.0.unwrap_or_default().saturating_add(bytes);
        let fits = self.0.is_none() || used <= MAX_ANSWER_BYTES - FRAME_BYTES;
        if fits {
            self.0 = Some(used);
        }
        fits
    }
}

/// The items that fit an answer, and the position to go on after them: `next` if all fit and others follow.
pub(super) fn fitting<T: Serialize>(
    items: impl IntoIterator<Item = (String, T)>,
    next: Option<String>,
) -> Result<(Vec<T>, Option<String>), Error> {
    let (mut room, mut fit, mut last) = (PageBudget::new(), Vec::new(), None);
    for (position, item) in items {
        if !room.take(of_json(&item)?) {
            return Ok((fit, last));
        }
        fit.push(item);
        last = Some(position);
    }
    Ok((fit, next))
}

/// How many bytes of JSON a value takes in an answer, with the comma behind it.
pub(super) fn of_json(value: &impl Serialize) -> Result<usize, Error> {
    let mut bytes = Counted(1);
    serde_json::to_writer(&mut bytes, value).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(bytes.0)
}

fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        // `\u0000`
        0..0x20 => 6,
        _ => 1,
    }
}

/// Counts what is written.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.iter().copied().map(escaped).sum());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Any JSON.
    fn any_json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![any::<String>(), "[\"\\\\\u{0}-\u{1f}\u{7f}é\u{2028}😀]{0,2000}"];
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|fields| json!(fields)),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_counted_is_what_lambda_carries(value in any_json()) {
            let text = serde_json::to_string(&value).unwrap();
            let carried = serde_json::to_string(&text).unwrap().len() - 2;
            prop_assert_eq!(of_json(&value).unwrap(), carried + 1);
        }

        #[test]
        fn no_page_is_too_large_and_none_is_empty(value in any_json(), copies in 1_usize..3_000) {
            let items = (0..copies).map(|n| (n.to_string(), vec![value.clone(); 64]));
            let (page, next) = fitting(items, None).unwrap();
            let behind = (page.len() < copies).then(|| (page.len() - 1).to_string());
            prop_assert_eq!(next, behind);
            let text = serde_json::to_string(&page).unwrap();
            let carried = serde_json::to_string(&text).unwrap().len();
            prop_assert!(carried <= MAX_ANSWER_BYTES || page.len() == 1, "{carried}");
        }
    }
}
