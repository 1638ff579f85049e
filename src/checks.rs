//! What every value of the caller must be like. What one kind of value must be besides is where that kind is read.

use crate::{Field, Misuse};

/// Returns the value, unless it is empty or has white space or quotes around it.
pub(crate) fn copied(field: Field, value: &str) -> Result<&str, Misuse> {
    const QUOTES: [(char, char); 5] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’')];
    let quoted = |(start, end)| value.strip_prefix(start).is_some_and(|rest: &str| rest.ends_with(end));
    match value {
        "" => Err(Misuse::Empty(field)),
        _ if value.trim().len() < value.len() => Err(Misuse::WhiteSpaceAround(field)),
        _ if QUOTES.into_iter().any(quoted) => Err(Misuse::QuotesAround(field)),
        _ => Ok(value),
    }
}

/// Likewise for a text that is sent in JSON: it may hold anything except control characters.
pub(crate) fn text(field: Field, value: &str) -> Result<&str, Misuse> {
    if copied(field, value)?.chars().any(char::is_control) { Err(Misuse::Character(field)) } else { Ok(value) }
}

/// Returns an owner's email or password, unless it is empty or ends in a line break.
pub(crate) fn line(field: Field, value: &str) -> Result<&str, Misuse> {
    match value {
        "" => Err(Misuse::Empty(field)),
        _ if value.ends_with(['\n', '\r']) => Err(Misuse::LineEnd(field)),
        _ => Ok(value),
    }
}
