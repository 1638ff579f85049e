//! Strict JSON: one value, no name twice, a limited depth. A number stays the text that it is, which `serde_json::Value` could only keep by
//! `arbitrary_precision`, a feature that changes it for the whole program.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use core::fmt;

use serde_core::de::{Deserializer, MapAccess, Visitor};
use serde_core::ser::{Error as _, Serialize, Serializer};
use serde_json::{from_str, value::RawValue};
use zeroize::Zeroizing;

use super::credentials::is_token;

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

/// The depth up to which a body is read.
pub(super) const DEPTH: u8 = 8;

impl Json {
    /// Reads any body: one that is not JSON is a text.
    pub(super) fn of_body(body: &[u8]) -> Self {
        let text = core::str::from_utf8(body).unwrap_or_default();
        Self::read(text, DEPTH).unwrap_or_else(|_| Self::text(text))
    }

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
                let members = serde_json::Deserializer::from_str(raw).deserialize_map(Members).ok()?;
                let names: BTreeSet<_> = members.iter().map(|(name, _)| name.as_str()).collect();
                let is_clear = names.len() == members.len();
                let members = members.into_iter().map(|(name, value)| Some((name, Self::of(value, depth)?)));
                Self::Object(members.collect::<Option<_>>().filter(|_| is_clear)?)
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

    /// Returns the members of these names, or `None` if there is another one.
    pub(super) fn parts<const N: usize>(&self, names: [&str; N]) -> Option<[Option<&Self>; N]> {
        let parts = names.map(|name| self.member(name));
        (parts.iter().flatten().count() == self.members().len()).then_some(parts)
    }

    /// Whether it is too little to be a secret.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Word(word) | Self::Text(word) if matches!(word.as_str(), "" | "null" | "true" | "false"))
    }

    /// Returns the value with what `change` returns for it, or for a value in it. `change` gets each with the name of its member: what is in an
    /// access token is one.
    pub(super) fn map(&self, name: &str, change: &mut dyn FnMut(&str, &Self) -> Option<Self>) -> Self {
        change(name, self).unwrap_or_else(|| match self {
            Self::Word(_) | Self::Text(_) => self.clone(),
            Self::List(values) => Self::List(values.iter().map(|value| value.map(name, change)).collect()),
            Self::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(own, value)| (own.clone(), value.map(if is_token(name) { name } else { own }, change)))
                    .collect(),
            ),
        })
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

/// Serde's own maps have another order, and one member of each name.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Text, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry()? {
            members.push((Text::new(name), value));
        }
        Ok(members)
    }
}
