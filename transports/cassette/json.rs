//! JSON for a cassette: it keeps the order, has no name twice and a limited depth, and wipes its texts.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde_core::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;
use zeroize::Zeroizing;

#[derive(Clone)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(Zeroizing<String>),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads the whole text. The error is the line where it is not JSON, has a name twice or nests deeper.
    pub(super) fn read(text: &str, depth: u8) -> Result<Self, usize> {
        let mut json = serde_json::Deserializer::from_str(text);
        let read = Depth(depth).deserialize(&mut json).and_then(|read| json.end().map(|()| read));
        read.map_err(|error| error.line())
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Text(Zeroizing::new(text.into()))
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Replaces each value that is no list and no object. Returns `None` if `leaf` does so for a value. `leaf` gets the value with the name of
    /// its member, or of the member of its list.
    pub(super) fn map(&self, name: &str, leaf: &mut impl FnMut(&str, &Self) -> Option<Self>) -> Option<Self> {
        match self {
            Self::List(values) => {
                values.iter().map(|value| value.map(name, leaf)).collect::<Option<_>>().map(Self::List)
            }
            Self::Object(members) => {
                let mapped = members.iter().map(|(name, value)| Some((name.clone(), value.map(name, leaf)?)));
                mapped.collect::<Option<_>>().map(Self::Object)
            }
            value => leaf(name, value),
        }
    }

    /// Returns the names of all members, at every depth.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::List(values) => values.iter().flat_map(Self::names).collect(),
            Self::Object(members) => {
                members.iter().flat_map(|(name, value)| [&**name].into_iter().chain(value.names())).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// Reads a value that nests no deeper.
#[derive(Clone, Copy)]
struct Depth(u8);

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        match self.0.checked_sub(1) {
            Some(depth) => deserializer.deserialize_any(Self(depth)),
            None => Err(de::Error::custom("too deep")),
        }
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(de::Error::custom("a name twice"));
            }
            let value = map.next_value_seed(self)?;
            // So a number is read if another crate of the program turns on serde_json's `arbitrary_precision`.
            if let ("$serde_json::private::Number", Some(Ok(number))) = (&*name, value.as_text().map(str::parse)) {
                return Ok(Json::Number(number));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}
