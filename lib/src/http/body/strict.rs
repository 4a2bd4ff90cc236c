//! JSON read as it is meant: objects as objects, names as texts.
//!
//! A derived `Deserialize` would also take a list for an object, of its fields in their order, and an object for a
//! name. What other JSON says what is written nowhere, so it is refused.

use serde::Deserializer;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// A part of a JSON document.
#[derive(Clone, Copy)]
pub(super) struct Strict<'a>(pub(super) &'a Value);

impl<'a> Strict<'a> {
    fn unexpected(self) -> Unexpected<'a> {
        match self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(_) => Unexpected::Other("number"),
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        }
    }
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Strict))),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.as_str(), Strict(value)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
            scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                scalar.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.0.is_object() {
            self.deserialize_any(visitor)
        } else {
            Err(Error::invalid_type(self.unexpected(), &"an object"))
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0.as_str() {
            Some(name) => visitor.visit_enum(name.into_deserializer()),
            None => Err(Error::invalid_type(self.unexpected(), &"a string")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Strict<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Thing {
        name: Name,
        parts: Option<Vec<Part>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Name {
        Known,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Part {
        size: i64,
        more: Value,
    }

    fn read(json: &Value) -> Result<Thing, String> {
        Thing::deserialize(Strict(json)).map_err(|error| error.to_string())
    }

    #[test]
    fn objects_and_names_are_what_they_look_like() {
        let more = json!([{"any": ["thing", 1.5, null]}]);
        let thing = read(&json!({"name": "known", "parts": [{"size": 1, "more": more}]})).unwrap();
        assert_eq!(thing.parts.unwrap(), [Part { size: 1, more }]);
        assert_eq!(read(&json!({"name": "known", "parts": null})).unwrap(), Thing { name: Name::Known, parts: None });
        let refused = [
            (json!(["known", null]), "invalid type: sequence, expected an object"),
            (json!({"name": "known", "parts": [[1, 2]]}), "invalid type: sequence, expected an object"),
            (json!({"name": "known", "parts": [7]}), "invalid type: number, expected an object"),
            (json!({"name": {"known": null}}), "invalid type: map, expected a string"),
            (json!({"name": "other"}), "unknown variant `other`, expected `known`"),
        ];
        for (json, why) in refused {
            assert_eq!(read(&json), Err(why.to_owned()), "{json}");
        }
    }
}
