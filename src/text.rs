//! Text that is safe to show: no character that disturbs a log, no credential in any spelling.

use alloc::{boxed::Box, string::String, vec::Vec};

use zeroize::Zeroizing;

use crate::spelling::{DEPTH, after, digits, read, readings};

/// Replaces each of the `named` values in a text with its name, in any ASCII letter case. It returns `None` if the text repeats a secret, or a
/// named value in another spelling.
///
/// A secret is found if its characters follow each other in the text, each as it is or in a spelling of its own: in the other ASCII letter case,
/// percent-encoded, with an escape of JSON, or with a character reference of HTML (numeric, or one of XML's five names). It may have up to three of
/// these encodings, one within the other. A plus is the same as a space. A secret that is a number is found in each form of that number, up to
/// rounding after twelve digits. A secret that is not ASCII counts as found in every text that is not ASCII, and an empty one in every text. A
/// text that is made so that the search would take too long counts as one that repeats the secret.
///
/// Use it before you store text from others, as the feature `cassette` does.
///
/// ```
/// use location_auth::strike_out;
///
/// let struck = |text| strike_out(text, &[("owner@example.com", "<email>")], &["hunter2"]);
/// assert_eq!(struck("no user Owner@example.com").as_deref(), Some("no user <email>"));
/// assert_eq!(struck("no user owner%40example.com"), None);
/// assert_eq!(struck("not %48unter2"), None);
/// ```
#[must_use]
pub fn strike_out(text: &str, named: &[(&str, &str)], secrets: &[&str]) -> Option<String> {
    let (mut told, mut rest) = (Zeroizing::new(String::from(text)), Zeroizing::new(String::from(text)));
    for (value, name) in named {
        told = replace(&told, value, name);
        rest = replace(&rest, value, " ");
    }
    // One that is left is spelled unusually.
    let is_left = named.iter().any(|(value, _)| repeats(&rest, value));
    let repeats_one = |text: &str| secrets.iter().any(|secret| repeats(text, secret));
    (!is_left && !repeats_one(text) && (*told == text || !repeats_one(&told))).then(|| core::mem::take(&mut *told))
}

/// Whether the text repeats the secret: from some place on, each character of the secret is one that the text can be read as.
///
/// The text is not decoded as a whole, from left to right: a `%` or a `\` before the secret would swallow its start. Beyond ASCII there are too many
/// letter cases and normal forms: such a secret counts as found in every text that is not ASCII.
fn repeats(text: &str, secret: &str) -> bool {
    let Some(first) = secret.chars().next().map(fold) else { return true };
    // A usual text takes about one step for each place, and one that is made for it as many as the secret has characters.
    let mut steps = text.len().saturating_add(64).saturating_mul(32);
    let value = number(secret.trim_start_matches('-'), &mut { usize::MAX }).filter(|(_, rest)| rest.is_empty());
    let (is_foreign, mut open, mut place) = (!secret.is_ascii(), Vec::new(), text);
    while let Some((c, after)) = read(place, 0) {
        let is_plain = c.is_ascii_alphabetic() && fold(c) != first;
        if !is_plain
            && (begins(place, secret, &mut open, &mut steps)
                || is_foreign && readings(place).any(|(c, _)| !c.is_ascii() && !disturbs(c))
                || value.is_some_and(|(value, _)| {
                    number(place, &mut steps).is_some_and(|(other, _)| is_about(value, other))
                })
                || steps == 0)
        {
            return true;
        }
        place = after;
    }
    false
}

/// Whether the text can be read as one that begins with the secret. `open` is a buffer: what is left of text and secret on each way to go on.
fn begins<'a>(text: &'a str, secret: &'a str, open: &mut Vec<[&'a str; 2]>, steps: &mut usize) -> bool {
    open.clear();
    open.push([text, secret]);
    while let Some([text, secret]) = open.pop() {
        let mut chars = secret.chars();
        let Some(wanted) = chars.next().filter(|_| *steps > 0) else { return true };
        *steps = steps.saturating_sub(1);
        let mut last = None;
        for (c, rest) in readings(text) {
            // What is decoded already reads the same the next time.
            if fold(c) == fold(wanted) && last.replace(rest.len()) != Some(rest.len()) {
                open.push([rest, chars.as_str()]);
            }
        }
    }
    false
}

/// Maps to one: ASCII's letter cases, a space and the plus that a form writes for it, and the characters that [`clean`] replaces.
fn fold(c: char) -> char {
    if c == '+' { ' ' } else { harmless(c).to_ascii_lowercase() }
}

/// A number's first twelve digits, and the power of ten to multiply them by.
type Number = (u64, i64);

/// Reads the number that the text begins with, unless it is zero, and returns the text after it.
fn number<'a>(text: &'a str, steps: &mut usize) -> Option<(Number, &'a str)> {
    const FULL: u64 = 100_000_000_000;
    let (mut first, mut power, mut point, mut rest) = (0_u64, 0_i64, false, text);
    while let Some((c, after)) = read(rest, DEPTH).filter(|_| *steps > 0) {
        *steps = steps.saturating_sub(1);
        match c.to_digit(10) {
            Some(digit) if first < FULL => {
                first = first.saturating_mul(10).saturating_add(digit.into());
                power = power.saturating_sub(point.into());
            }
            Some(_) => power = power.saturating_add((!point).into()),
            None if c == '.' && !point && rest.len() < text.len() => point = true,
            None => break,
        }
        rest = after;
    }
    if first == 0 {
        return None;
    }
    while first < FULL {
        first = first.saturating_mul(10);
        power = power.saturating_sub(1);
    }
    if let Some(exponent) = after(rest, "e", DEPTH) {
        let (sign, exponent) = match read(exponent, DEPTH) {
            Some(('-', exponent)) => (-1, exponent),
            Some(('+', exponent)) => (1, exponent),
            _ => (1, exponent),
        };
        if let Some((exponent, after)) = digits(exponent, 10, 1..=4, DEPTH) {
            power = power.saturating_add(i64::from(exponent).saturating_mul(sign));
            rest = after;
        }
    }
    Some(((first, power), rest))
}

/// Whether the numbers are the same but for rounding.
fn is_about((first, power): Number, (other, other_power): Number) -> bool {
    let by = |more: i64, first: u64| if more > 0 { first.saturating_mul(10) } else { first };
    let more = power.saturating_sub(other_power);
    (-1..=1).contains(&more) && by(more, first).abs_diff(by(more.saturating_neg(), other)) <= 1
}

/// Replaces each `value` in the text with the name, in any ASCII letter case.
fn replace(text: &str, value: &str, name: &str) -> Zeroizing<String> {
    let [folded, value] = [text, value].map(|text| Zeroizing::new(text.to_ascii_lowercase()));
    let names = folded.matches(value.as_str()).count().saturating_mul(name.len());
    let mut replaced = Zeroizing::new(String::with_capacity(text.len().saturating_add(names)));
    let mut end = 0;
    for (start, value) in folded.match_indices(value.as_str()) {
        replaced.push_str(text.get(end..start).unwrap_or_default());
        replaced.push_str(name);
        end = start.saturating_add(value.len());
    }
    replaced.push_str(text.get(end..).unwrap_or_default());
    replaced
}

/// Replaces control characters, line separators and marks that change the direction of text, then cuts the text to the bound, in bytes.
pub(crate) fn clean(text: &str, bound: usize) -> Box<str> {
    let mut cleaned = String::new();
    for c in text.chars().map(harmless) {
        if cleaned.len().saturating_add(c.len_utf8()) > bound {
            break;
        }
        cleaned.push(c);
    }
    cleaned.into()
}

pub(crate) fn harmless(c: char) -> char {
    if disturbs(c) { char::REPLACEMENT_CHARACTER } else { c }
}

/// Whether a character could make a log line look like another.
pub(crate) fn disturbs(c: char) -> bool {
    // Unicode's property Bidi_Control.
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}
