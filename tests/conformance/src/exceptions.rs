//! The file of known exceptions: `adapter | row | upstream reason`, one a line; `#` starts a comment.

use crate::{ROWS, Subject};

pub struct Exception {
    pub subject: String,
    pub row: String,
    pub reason: String,
}

/// # Errors
/// Where a line has no reason, or names a row that is not in the table or allows no exception.
pub fn read(text: &str, subjects: &[Subject]) -> Result<Vec<Exception>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| one(line, subjects)).collect()
}

fn one(line: &str, subjects: &[Subject]) -> Result<Exception, String> {
    let mut parts = line.splitn(3, '|').map(str::trim);
    let (Some(subject), Some(row), Some(reason)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("an exception is `adapter | row | reason`, and this is not: {line}"));
    };
    if reason.is_empty() {
        return Err(format!("an exception needs the reason upstream: {line}"));
    }
    if !subjects.iter().any(|known| known.name == subject) {
        return Err(format!("no adapter is called `{subject}`: {line}"));
    }
    match ROWS.iter().find(|known| known.name == row) {
        None => Err(format!("no row is called `{row}`: {line}")),
        Some(known) if !known.excusable => Err(format!("the row `{row}` allows no exception: {line}")),
        Some(_) => Ok(Exception { subject: subject.into(), row: row.into(), reason: reason.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECTS: [Subject; 1] = [Subject { name: "ureq", client: |_| unreachable!("nothing is sent") }];

    #[test]
    fn rows_on_redirects_bounds_tls_and_leaks_allow_no_exception() {
        for word in ["followed", "bound", "certificate", "secret", "endless"] {
            let rows: Vec<_> = ROWS.iter().filter(|row| row.name.contains(word)).collect();
            assert!(!rows.is_empty(), "there are rows on {word}");
            for row in rows {
                assert!(!row.excusable, "{}", row.name);
                assert!(read(&format!("ureq | {} | because", row.name), &SUBJECTS).is_err());
            }
        }
    }

    #[test]
    fn an_exception_with_an_unknown_name_or_no_reason_is_refused() {
        let row = ROWS.iter().find(|row| row.excusable).expect("some rows allow exceptions").name;
        assert!(read(&format!("# a comment\n\nureq | {row} | because"), &SUBJECTS).is_ok());
        for line in
            [format!("curl | {row} | because"), "ureq | no such row | because".into(), format!("ureq | {row} |")]
        {
            assert!(read(&line, &SUBJECTS).is_err(), "{line}");
        }
    }
}
