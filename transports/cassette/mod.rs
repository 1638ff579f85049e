//! The real service recorded once, with no credential in the record, and replayed in tests for ever (feature `cassette`).
//!
//! A [`Recorder`] is a transport over another one. A [`Replay`] is a transport that answers from what it recorded, the [`Cassette`]: a text of
//! JSON that the program writes where it likes, and that people read before they commit it.
//!
//! ```text
//! program ──▶ Recorder ──▶ transport ──▶ service        program ──▶ Replay
//!                 └──▶ Cassette ──▶ file                              ▲
//!                                    └────────────────────────────────┘
//! ```
//!
//! # What is written
//!
//! | of | is written | is not |
//! | --- | --- | --- |
//! | each request | method, path, names in the query, `accept`, `content-type`; API Key and token as placeholders | other headers, values in the query, the host |
//! | a token request | its JSON, with placeholders | |
//! | each response | status, `content-type`, `retry-after` (and its `date`), `x-request-id` | other headers |
//! | a token request's success | its JSON: the token as a placeholder, names, numbers | any other text |
//! | its refusal | its JSON, struck out | a body that is no JSON |
//! | a call | of the response's body what [`Recorder::keep_bodies`] keeps, struck out | the bodies |
//!
//! Each credential is a placeholder: `<api-key>`, `<client-id>`, `<client-secret>`, `<email>`, `<password>`, `<user-token-1>`,
//! `<location-token-1>`, and `<email-2>` for a second one. A token that the service issues is known from then on. What somebody else wrote is struck
//! out by [`strike_out`](crate::strike_out): a text that is a credential becomes its placeholder, one that repeats a secret in any spelling
//! that is seen through becomes `<withheld>`. A body that can't be looked through is withheld whole, with the reason: one that is encoded, is not UTF-8, or
//! is JSON with a name twice or nested deeper than 8.
//!
//! No credential is written that the recorder was given, that a request carried, or that was issued as an `access_token`. What else a service may say
//! is not known to be secret: people look at the text before it is committed.

mod credentials;
mod error;
mod json;
mod recorder;
mod recording;
mod replay;
mod request;
mod response;

pub use credentials::Credentials;
pub use error::CassetteError;
pub use recorder::Recorder;
pub use recording::Cassette;
pub use replay::Replay;
