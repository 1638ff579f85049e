//! The error of a cassette that can't be read or replayed.

use alloc::string::String;

use super::super::SendErrorKind;

/// The error of a cassette that can't be read, or of a program whose requests differ from the recorded ones. It shows no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each field is a part of its text
pub enum CassetteError {
    /// The text is not a cassette. It has the place.
    #[error("the cassette is damaged at {0}: record it again, or restore the file")]
    Damaged(String),
    /// The cassette has a version that this crate does not read.
    #[error("the cassette has an unknown version: use the version of this crate that wrote it, or record it again")]
    UnknownVersion,
    /// A request differs from the recorded one in a part: `method`, `path`, `query`, a header, or a member of the body.
    #[error(
        "request {number} differs from the recorded one in its {part} (sent {sent:?}, recorded {recorded:?}): \
         record it again if this is meant, and give the replay all credentials that the recorder was given"
    )]
    Differs { number: usize, part: String, sent: String, recorded: String },
    /// The program sent more requests than were recorded.
    #[error("request {number} ({line}) comes after the last recorded one: send no more, or record again")]
    Surplus { number: usize, line: String },
    /// The program sent fewer requests than were recorded. It has the first that is missing.
    #[error("request {number} ({line}) was recorded and was not sent: send it, or record again")]
    Missing { number: usize, line: String },
    /// A part of the request or of the response was withheld, so it can't be compared or replayed.
    #[error(
        "request {number} can't be replayed, because its {part} was withheld ({reason}): record it again with no secret there, and with \
         `keep_bodies` for the body of a call, which returns JSON, or an empty text if nothing reads it"
    )]
    Withheld { number: usize, part: String, reason: String },
    /// The recorded response is longer than the limit of its request, which has this number.
    #[error("the response to request {0} is longer than its limit: send the request with a higher one")]
    TooLarge(usize),
    /// No adapter would send the request with this number: see [`prepare`](super::super::prepare()).
    #[error("request {0} is not sent: {1}")]
    Refused(usize, SendErrorKind),
}
