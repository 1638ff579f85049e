//! Text that is safe to show: no character that disturbs a log, no credential in any spelling.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

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
    let mut all = StrikeOut::default();
    named.iter().for_each(|(value, name)| all.add_named(value, name));
    secrets.iter().for_each(|secret| all.add_secret(secret));
    all.of(text)
}

/// Credentials to strike out of many texts. For each text it does what [`strike_out`] does, in about the same time for many credentials as for one.
///
/// ```
/// use location_auth::StrikeOut;
///
/// let mut credentials = StrikeOut::default();
/// credentials.add_named("owner@example.com", "<email>");
/// credentials.add_secret("hunter2");
/// assert_eq!(credentials.of("no user Owner@example.com").as_deref(), Some("no user <email>"));
/// assert_eq!(credentials.of("not %48unter2"), None);
/// ```
#[derive(Clone, Default)]
pub struct StrikeOut {
    /// The values with their names, the longest first: one may be a part of another.
    named: Vec<(Zeroizing<String>, String)>,
    /// The same values: one that is left is spelled unusually.
    spelled: Spelled,
    secrets: Spelled,
}

impl StrikeOut {
    /// Adds a value that is replaced with its name.
    pub fn add_named(&mut self, value: &str, name: &str) {
        let place = self.named.partition_point(|(other, _)| other.len() >= value.len());
        self.named.insert(place, (Zeroizing::new(value.into()), name.into()));
        self.spelled.add(value);
    }

    /// Adds a value that no text may repeat.
    pub fn add_secret(&mut self, secret: &str) {
        self.secrets.add(secret);
    }

    /// Returns the text with the names in place of their values, or `None` if it repeats a secret, or a named value in another spelling.
    #[must_use]
    pub fn of(&self, text: &str) -> Option<String> {
        let (mut told, mut rest) = (Zeroizing::new(String::from(text)), Zeroizing::new(String::from(text)));
        for (value, name) in &self.named {
            told = replace(&told, value, name);
            rest = replace(&rest, value, " ");
        }
        let is_clear = !self.spelled.are_in(&rest) && !self.secrets.are_in(text);
        (is_clear && (*told == text || !self.secrets.are_in(&told))).then(|| core::mem::take(&mut *told))
    }
}

/// Shows nothing of the credentials.
impl fmt::Debug for StrikeOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrikeOut").finish_non_exhaustive()
    }
}

/// Values that are looked for in any spelling, all of them at once.
#[derive(Clone, Default)]
struct Spelled {
    /// Folded and sorted: those that begin in the same way are neighbours.
    values: Vec<Zeroizing<String>>,
    /// Those of the values that are numbers, sorted.
    numbers: Zeroizing<Vec<Number>>,
    is_foreign: bool,
}

impl Spelled {
    fn add(&mut self, value: &str) {
        // A character may become U+FFFD, which has three bytes.
        let mut folded = Zeroizing::new(String::with_capacity(value.len().saturating_mul(3)));
        folded.extend(value.chars().map(fold));
        let place = self.values.partition_point(|other| **other < *folded);
        self.values.insert(place, folded);
        if let Some((number, "")) = number(value.trim_start_matches('-'), &mut { usize::MAX }) {
            // A vector that grows would leave a copy behind.
            let mut numbers = Zeroizing::new(Vec::with_capacity(self.numbers.len().saturating_add(1)));
            numbers.extend_from_slice(&self.numbers);
            numbers.push(number);
            numbers.sort_unstable();
            self.numbers = numbers;
        }
        self.is_foreign |= !value.is_ascii();
    }

    /// Whether the text repeats a value: from some place on, each character of the value is one that the text can be read as.
    ///
    /// The text is not decoded as a whole, from left to right: a `%` or a `\` before a value would swallow its start. Beyond ASCII there are too many
    /// letter cases and normal forms: such a value counts as found in every text that is not ASCII.
    fn are_in(&self, text: &str) -> bool {
        let Some(first) = self.values.first() else { return false };
        // A usual text takes about one step for each place, and one that is made for it as many as a value has characters.
        let mut steps = text.len().saturating_add(64).saturating_mul(32);
        let (mut open, mut place) = (Vec::new(), text);
        while let Some((_, after)) = read(place, 0) {
            if self.begin(place, &mut open, &mut steps)
                || self.is_foreign && readings(place).any(|(c, _)| !c.is_ascii() && !disturbs(c))
                || self.has_the_number(place, &mut steps)
                || steps == 0
            {
                return true;
            }
            place = after;
        }
        first.is_empty()
    }

    /// Whether the text can be read as one that begins with a value. `open` is a buffer: on each way to go on, what is left of the text, and the
    /// values that begin with what was read of it, which is so long.
    fn begin<'a>(&'a self, text: &'a str, open: &mut Vec<Way<'a>>, steps: &mut usize) -> bool {
        open.clear();
        open.push((text, &self.values, 0));
        while let Some((text, values, length)) = open.pop() {
            if *steps == 0 || values.first().is_some_and(|value| value.len() == length) {
                return true;
            }
            *steps = steps.saturating_sub(1);
            let mut last = None;
            for (c, rest) in readings(text) {
                // What is decoded already reads the same the next time.
                if last.replace(rest.len()) == Some(rest.len()) {
                    continue;
                }
                let (read, wanted) = (fold(c), |value: &str| value.get(length..).and_then(|left| left.chars().next()));
                let start = values.partition_point(|value| wanted(value) < Some(read));
                let values = values.get(start..).unwrap_or_default();
                let values = values.get(..values.partition_point(|value| wanted(value) == Some(read)));
                if let Some(values @ [_, ..]) = values {
                    open.push((rest, values, length.saturating_add(read.len_utf8())));
                }
            }
        }
        false
    }

    /// Whether the text begins with a number that is one of the values but for rounding.
    fn has_the_number(&self, text: &str, steps: &mut usize) -> bool {
        if self.numbers.is_empty() {
            return false;
        }
        number(text, steps).is_some_and(|(number, _)| {
            let place = self.numbers.partition_point(|other| *other < number);
            let mut beside = self.numbers.iter().skip(place.saturating_sub(1)).take(2);
            beside.any(|other| is_about(*other, number))
        })
    }
}

type Way<'a> = (&'a str, &'a [Zeroizing<String>], usize);

/// Maps to one: ASCII's letter cases, a space and the plus that a form writes for it, and the characters that [`clean`] replaces.
fn fold(c: char) -> char {
    if c == '+' { ' ' } else { harmless(c).to_ascii_lowercase() }
}

/// The power of ten to multiply a number's first twelve digits by, and these: so the greater number is the greater pair.
type Number = (i64, u64);

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
    Some(((power, first), rest))
}

/// Whether the numbers are the same but for rounding.
fn is_about((power, first): Number, (other_power, other): Number) -> bool {
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
