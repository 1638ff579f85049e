//! The error of a cassette that can't be read or replayed.

use alloc::string::String;

/// The error of a cassette that can't be read, or of a program whose requests differ from the recorded ones. It shows no credential.
///
/// ```
/// use location_auth::transports::cassette::{Cassette, CassetteError};
///
/// let error = r#"{"version": 2, "interactions": []}"#.parse::<Cassette>().unwrap_err();
/// assert_eq!(error, CassetteError::UnknownVersion);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CassetteError {
    /// The text is not a cassette.
    #[error("the cassette is damaged at {at}: record it again, or restore the file")]
    Damaged {
        /// The line, or the interaction, counted from 1.
        at: String,
    },
    /// The cassette has a version that this crate does not read.
    #[error("the cassette has an unknown version: use the version of this crate that wrote it, or record it again")]
    UnknownVersion,
    /// A request differs from the recorded one.
    #[error(
        "request {number} differs from the recorded one in its {part} (sent {sent:?}, recorded {recorded:?}): \
         record it again if this is meant, and give the replay all credentials that the recorder was given"
    )]
    Differs {
        /// The number of the request, counted from 1.
        number: usize,
        /// `method`, `path`, `query`, `headers` or `body`.
        part: &'static str,
        /// What was sent in this part, with placeholders for credentials.
        sent: String,
        /// What was recorded in this part.
        recorded: String,
    },
    /// A request was recorded, but not as the next one.
    #[error(
        "request {number} ({line}) was recorded as number {recorded}: send the requests in the recorded order, or record them again"
    )]
    OutOfOrder {
        /// The number of the request, counted from 1.
        number: usize,
        /// Its method and path.
        line: String,
        /// Its number in the cassette.
        recorded: usize,
    },
    /// The program sent more requests than were recorded.
    #[error("request {number} ({line}) comes after the last recorded one: send no more, or record them again")]
    Surplus {
        /// The number of the request, counted from 1.
        number: usize,
        /// Its method and path.
        line: String,
    },
    /// The program sent fewer requests than were recorded.
    #[error(
        "the recorded requests from number {number} ({line}) on were not sent, {count} in all: send them, or record again"
    )]
    Missing {
        /// How many requests are missing.
        count: usize,
        /// The number of the first of them, counted from 1.
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
        /// The number of the request, counted from 1.
        number: usize,
        /// Why its body was not recorded.
        reason: String,
    },
    /// The recorded response is longer than the limit of its request.
    #[error("the response to request {number} is longer than its limit: send the request with a higher one")]
    TooLarge {
        /// The number of the request, counted from 1.
        number: usize,
    },
}
