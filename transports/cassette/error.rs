//! Why a cassette can't be read or replayed.

use alloc::string::String;

/// Why a cassette can't be read, or why a program does not do what was recorded. It shows what may be written in a cassette, and so no credential.
///
/// ```
/// use location_auth::transports::cassette::{Cassette, CassetteError};
///
/// let error = r#"{"version": 2, "exchanges": []}"#.parse::<Cassette>().unwrap_err();
/// assert_eq!(error, CassetteError::UnknownVersion);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CassetteError {
    /// The text is no cassette.
    #[error("the cassette is damaged at {at}: record it again, or restore the file")]
    Damaged {
        /// The line, or the exchange, counted from 1.
        at: String,
    },
    /// The cassette is of a version that this crate does not read.
    #[error("the cassette has an unknown version: use the version of this crate that wrote it, or record it again")]
    UnknownVersion,
    /// A request is not the one that was recorded.
    #[error(
        "request {number} differs from the recorded one in its {part} (sent {sent:?}, recorded {recorded:?}): \
         record it again if this is meant, and give the replay all credentials that the recorder was given"
    )]
    Differs {
        /// Which request, counted from 1.
        number: usize,
        /// `method`, `path`, `query`, `headers` or `body`.
        part: &'static str,
        /// What was sent there, with placeholders for credentials.
        sent: String,
        /// What was recorded there.
        recorded: String,
    },
    /// A request was recorded, but not as the next one.
    #[error(
        "request {number} ({line}) was recorded as number {recorded}: send the requests in the recorded order, or record them again"
    )]
    OutOfOrder {
        /// Which request, counted from 1.
        number: usize,
        /// Its method and path.
        line: String,
        /// Its number in the cassette.
        recorded: usize,
    },
    /// More was sent than was recorded.
    #[error("request {number} ({line}) comes after the last recorded one: send no more, or record them again")]
    Surplus {
        /// Which request, counted from 1.
        number: usize,
        /// Its method and path.
        line: String,
    },
    /// Less was sent than was recorded.
    #[error(
        "the recorded requests from number {number} ({line}) on were not sent, {count} in all: send them, or record again"
    )]
    Missing {
        /// How many.
        count: usize,
        /// The first of them, counted from 1.
        number: usize,
        /// Its method and path.
        line: String,
    },
    /// A token response was recorded without its body.
    #[error(
        "the response to request {number} was recorded without its body ({reason}), so there is no token: \
         record it again, over a transport that gives the service's own JSON"
    )]
    Withheld {
        /// Which request, counted from 1.
        number: usize,
        /// Why.
        reason: String,
    },
    /// The recorded response is longer than the limit that its request is sent with.
    #[error("the response to request {number} is longer than its limit: send the request with a higher one")]
    TooLarge {
        /// Which request, counted from 1.
        number: usize,
    },
}
