//! What each fuzz target does with its bytes, one file for each. The code is here and not in the targets, so that stable tests can run it over
//! the corpora.
//!
//! Each target asserts the crate's promises, not only that nothing panics. No text shows a credential. Bounds are kept. A token is accepted only
//! if an independent reading accepts it. An error leaves a request as it was.

mod cassette;
mod endpoints;
mod input;
mod login;
mod message;
mod own_handling;
mod query;
mod retry_after;
mod round_trip;
mod saved_token;
mod session;
mod support;
mod token_response;

pub use cassette::cassette;
pub use endpoints::endpoints;
pub use login::login;
pub use message::message;
pub use own_handling::own_handling;
pub use query::query;
pub use retry_after::retry_after;
pub use round_trip::round_trip;
pub use saved_token::saved_token;
pub use session::session;
pub use token_response::token_response;

pub type Target = fn(&[u8]);

/// Every target, for code that runs them all.
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
