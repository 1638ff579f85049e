//! Reads other people's text with serde, and never quotes it: serde's own errors repeat the value that they refuse.

use alloc::string::String;
use core::fmt;

use serde_core::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// Returns the body without a byte order mark: RFC 8259 section 8.1 allows a reader of JSON to skip it.
pub(crate) fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Visitor functions that all have the same effect.
macro_rules! visit_as {
    ($same:expr; $($visit:ident($value:ty)),* $(,)?) => {$(
        fn $visit<E>(self, _: $value) -> Result<Self::Value, E> {
            Ok($same)
        }
    )*};
}
pub(crate) use visit_as;

/// Visitor functions that all return an error with this text: serde's own error for a scalar quotes the scalar.
macro_rules! refuse_unquoted {
    ($text:literal; $($visit:ident($value:ty)),* $(,)?) => {$(
        fn $visit<E: ::serde_core::de::Error>(self, _: $value) -> Result<Self::Value, E> {
            Err(E::custom($text))
        }
    )*};
}
pub(crate) use refuse_unquoted;

/// The one name of the object that a number other than a small integer is read as, if another crate of the program turns on serde_json's
/// `arbitrary_precision`. Its value is the number's text.
pub(crate) const NUMBER: &str = "$serde_json::private::Number";

/// A member's value, or its name.
pub(crate) enum Member<'a> {
    /// Missing, or `null`.
    Absent,
    Number(u64),
    /// `false`, zero, or an empty list or object.
    Nothing,
    Other,
    Borrowed(&'a str),
    /// A string that had escapes.
    Unescaped(Zeroizing<String>),
}

impl Member<'_> {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Borrowed(text) => Some(text),
            Self::Unescaped(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is missing, `null`, `false`, zero or empty.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Absent | Self::Nothing | Self::Number(0)) || self.text() == Some("")
    }
}

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Member::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Member::Unescaped(Zeroizing::new(String::from(text))))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Member::Absent)
    }
    fn visit_bool<E>(self, something: bool) -> Result<Self::Value, E> {
        Ok(if something { Member::Other } else { Member::Nothing })
    }
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).map_or(Member::Other, Member::Number))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Member::Number(number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(if number == 0.0 { Member::Nothing } else { Member::Other })
    }

    visit_as! {
        Member::Other;
        visit_i128(i128), visit_u128(u128), visit_bytes(&[u8]),
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut member = Member::Nothing;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            member = Member::Other;
        }
        Ok(member)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut member = Member::Nothing;
        // A name that is no text, `"\ud800"`, is an error here: to read it as bytes would bring what prints a float into a program, 50 KiB.
        while let Some(name) = map.next_key::<Member<'de>>()? {
            member = Member::Other;
            if name.text() != Some(NUMBER) {
                map.next_value::<IgnoredAny>()?;
            } else if map.next_value::<Member<'de>>()?.text().is_some_and(is_zero) {
                member = Member::Nothing;
            }
        }
        Ok(member)
    }
}

/// Whether a number's text is that of a zero. A parser of floats would be a sixth of a small program.
fn is_zero(number: &str) -> bool {
    !number.bytes().take_while(|byte| *byte | 0x20 != b'e').any(|byte| matches!(byte, b'1'..=b'9'))
}

/// A text and nothing else: some readers of environment variables take `0123` for the number 123, and nobody can tell what a number was before.
/// serde's own error for another value quotes the value.
pub(crate) struct Text(pub(crate) Zeroizing<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // With `deserialize_str`, serde_json quotes a value that is not a text. A format without names, like postcard, has nothing else.
        match deserializer.is_human_readable() {
            true => deserializer.deserialize_any(TextVisitor),
            false => deserializer.deserialize_str(TextVisitor),
        }
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Zeroizing::new(text.into())))
    }
    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(Text(Zeroizing::new(text)))
    }

    refuse_unquoted! {
        "a value is not a text, and what is read as a number loses digits: put it between quotes, in an environment variable within the value ('\"0123\"')";
        visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128), visit_f64(f64), visit_bytes(&[u8]),
    }
}
