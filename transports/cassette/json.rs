//! Strict JSON: one value, no name twice, a limited depth. A number stays the text that it is, which `serde_json::Value` could only keep by
//! `arbitrary_precision`, a feature that changes it for the whole program.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use serde_core::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_core::ser::{Error as _, Serialize, Serializer};
use serde_json::{from_str, value::RawValue};
use zeroize::Zeroizing;

/// A text that may hold a secret.
pub(super) type Text = Zeroizing<String>;

#[derive(Clone, Debug)]
pub(super) enum Json {
    /// `null`, `true`, `false`, or a number as it is spelled.
    Word(Text),
    Text(Text),
    List(Vec<Json>),
    Object(Vec<(Text, Json)>),
}

impl Json {
    /// Reads the whole text, up to so many values one within the other. The error says where it can't be read.
    pub(super) fn read(text: &str, depth: u8) -> Result<Self, String> {
        let raw: &RawValue = from_str(text).map_err(|error| format!("line {}", error.line()))?;
        Self::of(raw, depth).ok_or("a name that is there twice, a text that is none, or a value too deep".into())
    }

    fn of(raw: &RawValue, depth: u8) -> Option<Self> {
        let (raw, depth) = (raw.get(), depth.checked_sub(1)?);
        Some(match raw.bytes().next()? {
            b'"' => Self::Text(Text::new(from_str(raw).ok()?)),
            b'[' => {
                let values: Vec<&RawValue> = from_str(raw).ok()?;
                Self::List(values.into_iter().map(|value| Self::of(value, depth)).collect::<Option<_>>()?)
            }
            b'{' => {
                let Members(members) = from_str(raw).ok()?;
                let mut names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                let is_twice = names.windows(2).any(|two| two.first() == two.last());
                let members = members.into_iter().map(|(name, value)| Some((name, Self::of(value, depth)?)));
                Self::Object(members.collect::<Option<_>>().filter(|_| !is_twice)?)
            }
            _ => Self::Word(Text::new(raw.into())),
        })
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Text(Text::new(text.into()))
    }

    pub(super) fn object<'a>(members: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (Text::new(name.into()), value)).collect())
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn members(&self) -> &[(Text, Self)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value)
    }

    /// Returns the value with another text for each text. `change` gets it with the name of its member.
    pub(super) fn map(&self, name: &str, change: &mut impl FnMut(&str, &str) -> Text) -> Self {
        match self {
            Self::Word(_) => self.clone(),
            Self::Text(text) => Self::Text(change(name, text)),
            Self::List(values) => Self::List(values.iter().map(|value| value.map(name, change)).collect()),
            Self::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.clone(), value.map(name, change))).collect())
            }
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Word(word) => from_str::<&RawValue>(word).map_err(S::Error::custom)?.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| (name.as_str(), value))),
        }
    }
}

struct Members<'a>(Vec<(Text, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((name, value)) = map.next_entry()? {
            self.0.push((Text::new(name), value));
        }
        Ok(self)
    }
}
