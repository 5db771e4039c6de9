//! `serde` for `Schema`: its text form.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::Schema;

/// Serializes as the text form.
impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Deserializes from the text form.
impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schema, D::Error> {
        struct TextForm;

        impl Visitor<'_> for TextForm {
            type Value = Schema;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the text form of a schema, such as \"id: u64 key, x: i32\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Schema, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(TextForm)
    }
}
