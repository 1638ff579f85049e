//! Records real requests and responses without their credentials, and replays them in tests (feature `cassette`).
//!
//! A [`Recorder`] is a transport over another transport. It makes a [`Cassette`], which is JSON text. Your program writes the text to a file, and
//! you read it before you commit it. A [`Player`] is a transport that answers from a cassette.
//!
//! ```
//! use location_auth::transports::cassette::{CassetteError, Credentials, Player, Recorder};
//! use location_auth::{App, UserLogin, transports::{Transport, run}};
//!
//! fn record(app: &App, login: UserLogin, transport: impl Transport) -> String {
//!     let recorder = Recorder::new(transport, Credentials::new(app).login("owner@example.com", "hunter2"));
//!     // How many contacts there are is kept, and nobody's name.
//!     let recorder = recorder.keep_bodies(|uri, body| Some(if uri.path() == "/count" { body.into() } else { "".into() }));
//!     let _user = run(login, &recorder);
//!     recorder.cassette().to_string()
//! }
//!
//! fn replay(app: &App, login: UserLogin, file: &str) -> Result<(), CassetteError> {
//!     let player = Player::new(file.parse()?, Credentials::new(app).login("made-up@example.com", "made up"));
//!     let _user = run(login, &player);
//!     player.finish()
//! }
//! ```
//!
//! # What is written
//!
//! What a rule lets through is written, and everything else is withheld. The replay of what was withheld is an error that says so.
//!
//! - Of a request: method, path, `accept`, `content-type`, the names in the query, and the values there that are credentials. Of a token
//!   request its body, too.
//! - Of a response: status, `content-type`, `content-encoding`, `link`, `retry-after` (and its `date`), `x-request-id`. The body if it is strict
//!   JSON: of a call what [`Recorder::keep_bodies`] returns, of a success of a token request the token.
//! - Of these, a text or a number that repeats no credential, holds no JSON and gives no value to a secret's name, behind any percent-encoding. A
//!   placeholder replaces a credential: `<password>`, `<user-token-1>`. [`strike_out`](crate::strike_out) says which spellings it knows.
//!
//! A credential is what the recorder was given, what a request had in a credential's place, and each `access_token` in a body, before or after it.
//! What else in a text is a secret nobody can know: read the file before you commit it.

mod credentials;
mod error;
mod json;
mod message;
mod names;
mod player;
mod recorder;
mod recording;

pub use credentials::Credentials;
pub use error::CassetteError;
pub use player::Player;
pub use recorder::Recorder;
pub use recording::Cassette;
