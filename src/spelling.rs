//! How a text can be read where its characters may be encoded: in percent-encoding, with JSON's escapes, or as HTML's character references.

use core::iter::successors;
use core::ops::RangeInclusive;

/// How many encodings within each other are looked through.
pub(crate) const DEPTH: u8 = 3;

/// The characters that the text can be read as beginning with, each with the text after it.
pub(crate) fn readings(text: &str) -> impl Iterator<Item = (char, &str)> {
    let decode = |&(times, (c, rest)): &(u8, (char, _))| {
        (times < DEPTH && matches!(c, '%' | '\\' | '&')).then(|| (times.saturating_add(1), decoded(c, rest, times)))
    };
    successors(plain(text).map(|first| (0, first)), decode).map(|(_, reading)| reading)
}

/// Reads one character, decoded so many times, and returns the text after it.
pub(crate) fn read(text: &str, times: u8) -> Option<(char, &str)> {
    Some((0..times).fold(plain(text)?, |(c, rest), times| decoded(c, rest, times)))
}

fn plain(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    Some((chars.next()?, chars.as_str()))
}

/// Decodes a character and the text after it, itself decoded so many times. What is no escape stays as it is.
fn decoded(c: char, rest: &str, times: u8) -> (char, &str) {
    let escaped = match c {
        '%' => percent(rest, times),
        '\\' => unescape(rest, times),
        '&' => reference(rest, times),
        _ => None,
    };
    escaped.unwrap_or((c, rest))
}

/// Reads what follows a percent sign. A byte that is not ASCII is a part of a character that is not.
fn percent(text: &str, times: u8) -> Option<(char, &str)> {
    let (byte, rest) = digits(text, 16, 2..=2, times)?;
    Some((char::from_u32(byte).filter(char::is_ascii).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
}

/// Reads what follows the backslash of an escape (RFC 8259 section 7), itself decoded so many times.
pub(crate) fn unescape(text: &str, times: u8) -> Option<(char, &str)> {
    let (c, rest) = read(text, times)?;
    let c = match c.to_ascii_lowercase() {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return code(rest, 16, 4..=4, times),
        c @ ('"' | '\\' | '/') => c,
        _ => return None,
    };
    Some((c, rest))
}

/// Reads what follows the ampersand of a character reference (XML 1.0 sections 4.1 and 4.6), itself decoded so many times.
fn reference(text: &str, times: u8) -> Option<(char, &str)> {
    let (first, rest) = read(text, times)?;
    let named: &[(&str, char)] = match first.to_ascii_lowercase() {
        '#' => return numeric(rest, times),
        'a' => &[("mp;", '&'), ("pos;", '\'')],
        'g' => &[("t;", '>')],
        'l' => &[("t;", '<')],
        'q' => &[("uot;", '"')],
        _ => return None,
    };
    named.iter().find_map(|(name, c)| Some((*c, after(rest, name, times)?)))
}

fn numeric(text: &str, times: u8) -> Option<(char, &str)> {
    let (c, rest) = match after(text, "x", times) {
        Some(text) => code(text, 16, 1..=8, times)?,
        None => code(text, 10, 1..=8, times)?,
    };
    Some((c, after(rest, ";", times)?))
}

/// Reads a character's number. Half a surrogate pair is read as U+FFFD.
fn code(text: &str, radix: u32, count: RangeInclusive<u8>, times: u8) -> Option<(char, &str)> {
    let (code, rest) = digits(text, radix, count, times)?;
    Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
}

/// Reads a number of so many digits.
pub(crate) fn digits(text: &str, radix: u32, count: RangeInclusive<u8>, times: u8) -> Option<(u32, &str)> {
    let (mut number, mut read_so_far, mut rest) = (0_u32, 0_u8, text);
    while read_so_far < *count.end() {
        let Some((c, after)) = read(rest, times) else { break };
        let Some(digit) = c.to_digit(radix) else { break };
        number = number.saturating_mul(radix).saturating_add(digit);
        read_so_far = read_so_far.saturating_add(1);
        rest = after;
    }
    count.contains(&read_so_far).then_some((number, rest))
}

/// The text after this word, which is written in small letters.
pub(crate) fn after<'a>(text: &'a str, word: &str, times: u8) -> Option<&'a str> {
    word.chars().try_fold(text, |text, wanted| {
        let (c, rest) = read(text, times)?;
        (c.to_ascii_lowercase() == wanted).then_some(rest)
    })
}
