//! Strict JSON: one value, no name twice, a limited depth. A number stays the text that it is, which `serde_json::Value` could only keep by
//! `arbitrary_precision`, a feature that changes it for the whole program.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use serde_core::ser::{Error as _, Serialize, Serializer};
use serde_json::{Deserializer, from_str, value::RawValue};
use zeroize::Zeroizing;

use super::names::is_token;

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
            b'[' => Self::List(values(raw)?.iter().map(|value| Self::of(value, depth)).collect::<Option<_>>()?),
            b'{' => {
                let values = values(raw)?;
                let members = values.chunks(2).map(|two| match two {
                    [name, value] => Some((Text::new(from_str(name.get()).ok()?), Self::of(value, depth)?)),
                    _ => None,
                });
                let members: Vec<_> = members.collect::<Option<_>>()?;
                let names: BTreeSet<_> = members.iter().map(|(name, _)| name.as_str()).collect();
                Some(names.len()).filter(|names| *names == members.len())?;
                Self::Object(members)
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
            Self::Object(members) => Self::object(
                members
                    .iter()
                    .map(|(own, value)| (own.as_str(), value.map(if is_token(name) { name } else { own }, change))),
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

/// Returns what is in a list or an object, one after another. Serde's own maps lose the order, and a name that is there twice.
fn values(raw: &str) -> Option<Vec<&RawValue>> {
    let is_between = |c: char| matches!(c, ',' | ':' | ' ' | '\n' | '\r' | '\t');
    let (mut values, mut rest) = (Vec::new(), raw.get(1..)?.trim_start_matches(is_between));
    while !rest.starts_with([']', '}']) {
        let mut read = Deserializer::from_str(rest).into_iter();
        values.push(read.next()?.ok()?);
        rest = rest.get(read.byte_offset()..)?.trim_start_matches(is_between);
    }
    Some(values)
}
