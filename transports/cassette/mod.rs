//! Records real requests and responses without their credentials, and replays them in tests (feature `cassette`).
//!
//! A [`Recorder`] is a transport over another transport. It makes a [`Cassette`], which is JSON text. Your program writes the text to a file, and
//! you read it before you commit it. A [`Player`] is a transport that answers from a cassette.
//!
//! ```text
//! program ──▶ Recorder ──▶ transport ──▶ service        program ──▶ Player
//!                 └──▶ Cassette ──▶ file                              ▲
//!                                    └────────────────────────────────┘
//! ```
//!
//! # What is written
//!
//! | of | is written | is not written |
//! | --- | --- | --- |
//! | each request | method, path, names in the query, `accept`, `content-type`; API Key and token as placeholders | other headers, values in the query, the host |
//! | a token request | its JSON, with placeholders | |
//! | each response | status, `content-type`, `retry-after` (and its `date`), `x-request-id` | other headers |
//! | a success of a token request | its JSON: the token as a placeholder, names, numbers | any other text |
//! | a refusal of a token request | its JSON, without credentials | a body that is not JSON |
//! | a call | the part of the response's body that [`Recorder::keep_bodies`] returns, without credentials | the bodies |
//!
//! A placeholder replaces each credential: `<api-key>`, `<client-id>`, `<client-secret>`, `<email>`, `<password>`, `<user-token-1>`,
//! `<location-token-1>`, and `<email-2>` for a second email. The recorder learns the tokens that the service issues.
//!
//! [`strike_out`](crate::strike_out) removes credentials from the service's texts. A text that is a credential becomes its placeholder. A text that
//! repeats a secret, in a spelling that `strike_out` knows, becomes `<withheld>`. A body that can't be searched is withheld completely, with
//! the reason: it is encoded, is not UTF-8, or is JSON with a name twice or nested deeper than 8.
//!
//! A cassette never has a credential that the recorder was given, that a request had, or that was issued as an `access_token`, in no interaction before
//! or after it. In a query, a token is the parameter `access_token`: give the recorder a token that goes in another one. The recorder does not know
//! what else in a response is secret. So read the text before you commit it.

mod credentials;
mod error;
mod json;
mod player;
mod recorder;
mod recording;
mod request;
mod response;

pub use credentials::Credentials;
pub use error::CassetteError;
pub use player::Player;
pub use recorder::Recorder;
pub use recording::Cassette;
