//! What each fuzz target does with its bytes. Here and not in the targets, so that stable tests run the same on the corpora.
//!
//! Each asserts the crate's promises, not only that nothing panics: no credential in any text, bounds kept, a token accepted only if an
//! independent reading accepts it, and requests left as they were on error.

mod calls;
mod cassettes;
mod input;
mod own_handling;
mod responses;

pub use calls::{endpoints, query, round_trip, session};
pub use cassettes::cassette;
pub use own_handling::own_handling;
pub use responses::{login, message, retry_after, saved_token, token_response};

pub type Target = fn(&[u8]);

/// Every target, for those who run them all.
pub const TARGETS: [(&str, Target); 11] = [
    ("cassette", cassette),
    ("endpoints", endpoints),
    ("login", login),
    ("message", message),
    ("own_handling", own_handling),
    ("query", query),
    ("retry_after", retry_after),
    ("round_trip", round_trip),
    ("saved_token", saved_token),
    ("session", session),
    ("token_response", token_response),
];
