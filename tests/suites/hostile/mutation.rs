//! Good input, made bad; and a way to try much of it.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use stint_tests::World;

/// Tries `test` on so many values, in one world.
pub(super) fn try_out<V: Debug, S>(
    cases: u32,
    values: &impl Strategy<Value = V>,
    start: impl AsyncFn(World) -> S,
    test: impl AsyncFn(&S, V),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let state = runtime.block_on(async { start(World::start().await).await });
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(values, move |value| {
        runtime.block_on(test(&state, value));
        Ok(())
    });
    outcome.unwrap();
}

/// A change of a text.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Flip(Index, u8),
    Remove(Index),
    Insert(Index, char),
    CutAt(Index),
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), 0..7_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => any::<Index>().prop_map(Change::Remove),
        1 => (any::<Index>(), proptest::char::range('!', '~')).prop_map(|(at, with)| Change::Insert(at, with)),
        1 => any::<Index>().prop_map(Change::CutAt),
    ]
}

impl Change {
    /// The text with this change; none if it is the text that it was, or no text.
    pub(super) fn of(&self, text: &str) -> Option<String> {
        let mut bytes = text.as_bytes().to_vec();
        let length = bytes.len();
        match *self {
            Self::Flip(ref at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Self::Remove(ref at) => drop(bytes.remove(at.index(length))),
            Self::Insert(ref at, with) => bytes.insert(at.index(length + 1), with as u8),
            Self::CutAt(ref at) => bytes.truncate(at.index(length)),
        }
        String::from_utf8(bytes).ok().filter(|changed| changed != text)
    }
}

/// A text that a header can have and a change leaves what it is: visible, without spaces around it.
pub(super) fn fits_a_header(text: &str) -> bool {
    text.chars().all(|char| (' '..='~').contains(&char)) && text.trim() == text
}

/// Any JSON.
pub(super) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{0,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A change of a JSON document.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    Replace(Index, Value),
    Change(Index, Change),
    Wrap(Index),
    Unwrap(Index),
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (any::<Index>(), json()).prop_map(|(at, with)| Edit::Replace(at, with)),
        3 => (any::<Index>(), change()).prop_map(|(at, change)| Edit::Change(at, change)),
        1 => any::<Index>().prop_map(Edit::Wrap),
        1 => any::<Index>().prop_map(Edit::Unwrap),
    ]
}

impl Edit {
    pub(super) fn of(&self, document: &Value) -> Value {
        let mut document = document.clone();
        let places = places(&document);
        let (Self::Replace(at, _) | Self::Change(at, _) | Self::Wrap(at) | Self::Unwrap(at)) = self;
        let part = document.pointer_mut(&places[at.index(places.len())]).unwrap();
        *part = match (self, part.take()) {
            (Self::Replace(_, with), _) => with.clone(),
            (Self::Change(_, change), Value::String(text)) if !text.is_empty() => {
                Value::String(change.of(&text).unwrap_or_default())
            }
            (Self::Wrap(_), part) => Value::Array(vec![part]),
            // An object's values without their names.
            (Self::Unwrap(_), Value::Object(fields)) => fields.into_iter().map(|(_, value)| value).collect(),
            (_, part) => Value::Array(vec![part, Value::Null]),
        };
        document
    }
}

/// The pointers to everything in a document.
pub(super) fn places(document: &Value) -> Vec<String> {
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let mut found = vec![String::new()];
    let below = |name: String, value: &Value| places(value).into_iter().map(move |at| format!("/{name}{at}"));
    if let Some(fields) = document.as_object() {
        found.extend(fields.iter().flat_map(|(name, value)| below(escape(name), value)));
    }
    if let Some(items) = document.as_array() {
        found.extend(items.iter().enumerate().flat_map(|(n, value)| below(n.to_string(), value)));
    }
    found
}
