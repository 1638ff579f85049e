//! Log in to the API of Frederick, a marketing service for local businesses, over any HTTP client.
//!
//! The crate is sans-IO. It builds each [`http::Request`] and reads each [`http::Response`]. Your HTTP client sends them, or one of the
//! [`transports`] does. With ureq (feature `ureq-rustls`), a login is this:
//!
//! ```no_run
//! # #[cfg(feature = "ureq")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use location_auth::transports::{run, ureq::Ureq};
//! use location_auth::{App, Environment, Settings};
//!
//! let app = App::new(
//!     Settings::new(Environment::Staging)
//!         .user_token_url("https://api.example.com/user_token")
//!         .location_token_url("https://api.example.com/locations/{location_id}/token")
//!         .api_key("k-12")
//!         .client_id("c-34")
//!         .client_secret("s-56"),
//! )?;
//! let login = app.location("loc-1")?.login("owner@example.com", "hunter2")?;
//! let token = run(login, &Ureq::new())?; // two requests
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "ureq"))]
//! # fn main() {}
//! ```
//!
//! A *Location* is one place of business (a salon, a garage), not a place on a map. Step 1 exchanges its owner's email and password for a
//! User Access Token. Step 2 exchanges that token for a Location Access Token: a call with it has the rights of the Location's owner.
//! Tokens never expire: log in once, and keep the token as a [`SavedToken`].
//!
//! # The loop
//!
//! Every transport runs under one loop. A flow is a value: [`request`](Flow::request) builds the request to send. [`receive`](Flow::receive) takes
//! the flow and the response, and returns the next flow or the token.
//!
//! ```
//! use location_auth::{App, Environment, Flow, Progress, Settings};
//!
//! # fn my_http(request: http::Request<location_auth::Bytes>) -> Result<http::Response<Vec<u8>>, std::io::Error> {
//! #     let token = if request.headers().contains_key("authorization") { "l-1" } else { "u-1" };
//! #     Ok(http::Response::new(format!(r#"{{"access_token": "{token}"}}"#).into_bytes()))
//! # }
//! let app = App::new(
//!     Settings::new(Environment::Staging)
//!         .user_token_url("https://api.example.com/user_token")
//!         .location_token_url("https://api.example.com/locations/{location_id}/token")
//!         .api_key("k-12")
//!         .client_id("c-34")
//!         .client_secret("s-56"),
//! )?;
//! let mut flow = app.location("loc-1")?.login("owner@example.com", "hunter2")?;
//! let token = loop {
//!     let response = my_http(flow.request())?; // anything that turns a Request into a Response
//!     match flow.receive(&response)? {
//!         Progress::Next(next) => flow = next,
//!         Progress::Done(token) => break token,
//!     }
//! };
//! assert_eq!(token.location().as_str(), "loc-1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which transport
//!
#![doc = include_str!("../transports/which.md")]
//!
//! # From a login to a call
//!
//! ```text
//! App ── location(id) ──▶ Location ── login(email, password) ──▶ LocationLogin ──▶ LocationAccessToken
//!  │                         └─────── exchange(&user) ─────────▶ TokenExchange ──▶ LocationAccessToken
//!  └──── user_login(email, password) ──────────────────────────▶ UserLogin ──▶ UserAccessToken
//!
//! Session::for_location(&app, token) ── authorize(&mut request) ──▶ a call with its credentials
//! Location ── session() ── first_token() ──▶ Acquisition, by an Owner ──▶ the same; the Owner logs in if it has to
//! ```
//!
//! [`LocationLogin`], [`TokenExchange`] and [`UserLogin`] are the three flows: each draws its states.
//!
//! # The map
//!
//! ```text
//! your program
//!  ├─▶ transports::client               calls, with a session over a transport              ┐
//!  ├─▶ transports                       the drivers, which run a flow over a transport      │ IO
//!  │    └─▶ ureq, reqwest, hyper        adapters for client libraries                       ┘
//!  ├─▶ the root                         what to send, and what a response means: flows, sessions, tokens, errors  ┐
//!  ├─▶ driver                           what is next for a call and for a new token, for a client of your own     │
//!  ├─▶ emulator                         the service's half of the protocol, for tests                             │ pure
//!  └─▶ testing                          scripted and failing transports, a simulated network, for tests           ┘
//! ```
//!
//! The pure part uses no socket, clock, randomness, thread or environment variable, and no item that does IO. The IO part uses only public
//! items of the pure part, so your own transport can do what an adapter does.
//!
//! | you want | see |
//! | --- | --- |
//! | to log in with a ready-made transport, or with your own | [`transports`] |
//! | to know how the crate reads each response | [`ErrorKind`], which has the whole table |
//! | to retry | [`Retry`], [`Backoff`], [`transports::run_with_retries`] |
//! | to make calls, and get the first token and new ones after a 401 | [`transports::client`], or [`driver`] with a client of your own |
//! | to keep a token after a restart | [`SavedToken`] |
//! | to log a request without its secrets | [`Redacted`] |
//! | to log what the drivers and clients do | the feature `tracing`, in [`transports`] |
//! | to test your program without a network | [`testing`], [`emulator`] |
//! | to test it with recorded responses of the real service | [`transports::cassette`] |
//! | to know the rules, and why | [`protocol`] |
//!
//! Out of scope: a default host (the URLs come with your credentials), the API's own methods, storage of passwords, and any other way to log in.
//!
//! # Features
//!
//! None is on by default. The core, its drivers and closures as transports need none.
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `ureq-rustls` | [`transports::ureq`] with TLS by rustls: start here |
//! | `ureq` | the same without TLS: for loopback, or with the TLS of a ureq feature that you choose |
//! | `reqwest-rustls` | [`transports::reqwest`] with TLS by rustls, for tokio |
//! | `reqwest` | the same without TLS |
//! | `hyper` | [`transports::hyper`], over your own connections, for any runtime or none |
//! | `cassette` | [`transports::cassette`]: records the real service without credentials, and replays it |
//! | `client` | [`transports::client`]: the ready-made clients, blocking and async |
//! | `folder` | a folder as the store of tokens, for all processes of a machine. It turns on [`transports::client`] |
//! | `tower` | a [tower](https://docs.rs/tower/0.5) layer that puts a client's credentials on calls with any body: `transports::client::tower` |
//! | `emulator` | [`emulator`]: an emulated service for tests |
//! | `testing` | [`testing`]: scripted and failing transports, and a simulated network with faults from a seed. It turns on [`emulator`] |
//! | `tracing` | log events for each step of a login and each call, without a secret |
//!
//! # What can go wrong
//!
//! | error | what it means, and where it is from |
//! | --- | --- |
//! | [`Misuse`] | a wrong setting or argument of the caller, found by this crate itself |
//! | [`Error`] | a response without a usable token: [`Flow::receive`] returns it with the flow, in a [`ReceiveError`] |
//! | [`RunError`](transports::RunError) | an [`Error`] or the transport's own error, with the flow: a driver returns it |
//! | [`TokenError`] | why there is no new token in place of a rejected or missing one |
//! | `CallError` | of a ready-made client: a [`Misuse`], the transport's own error, a missing or rejected token with its [`TokenError`], or a body that can't be sent again |
//!
//! Each prints as one line that says what happened, who is at fault and what to do. A [`Misuse`] is always the caller's fault, and does not say so.
//!
//! # Words
//!
//! - *API Key*, *Client ID*, *Client Secret*, *Data Source Name*: the service issues them to an integrator, different ones for each
//!   [`Environment`]. You put them into the [`Settings`].
//! - *User Access Token*: authenticates one specific user. *Location Access Token*: authenticates a Location, always as its owner.
//!   Neither ever expires.
//! - *Origin*: scheme, host and port of a URL. Credentials go only to the origins in the settings.
//! - *Owner*: a user of the service who owns one or more Locations.
//! - *Login*: step 1 (an email and a password for a User Access Token), alone or with step 2. *Exchange*: step 2. *Call*: a request to the
//!   API that is neither.
//! - *Acquisition*: the way to a Location Access Token, by an exchange or by a login and an exchange: to the first one, or, after a 401, to a new one
//!   (a *renewal*).
//! - *Count*: how many token requests there were since a token has helped a call. After two of them there is a *pause* before each: [`protocol`] has
//!   the rules.
//! - *Flow*: a login or an exchange as a value, without IO. *Driver*: what runs a flow, a call or a renewal over a transport. *Adapter*: a transport over a client
//!   library.
//! - *Fault*: who has to change something: [`Fault::Caller`], [`Fault::Transport`] or [`Fault::Service`].
//! - *Rules*: `P1` to `P9` are in the service's documentation, and those with a `Q` are this crate's decisions where it says nothing:
//!   [`protocol`] lists both.
//!
//! # Secrets
//!
//! No `Display` shows a credential, and no `Debug` or `source()` of this crate's own values does. The error of your own transport stays as you
//! made it. The crate overwrites its secrets, and those in the requests that it builds, when their last holder is dropped. It can't overwrite a
//! URL with a token in its query, the buffers of your HTTP client, and the buffer in which `serde_json` decodes a string with JSON escapes.
//! [`http::Request`]'s own `Debug` prints the body: log [`Redacted`].
//!
// Without its feature a module has no page: then the link goes to the table of features.
#![cfg_attr(feature = "cassette", doc = "[`transports::cassette`]: transports::cassette")]
#![cfg_attr(not(feature = "cassette"), doc = "[`transports::cassette`]: #features")]
#![cfg_attr(feature = "client", doc = "[`transports::client`]: transports::client")]
#![cfg_attr(not(feature = "client"), doc = "[`transports::client`]: #features")]
#![cfg_attr(feature = "emulator", doc = "[`emulator`]: emulator")]
#![cfg_attr(not(feature = "emulator"), doc = "[`emulator`]: #features")]
#![cfg_attr(feature = "hyper", doc = "[`transports::hyper`]: transports::hyper")]
#![cfg_attr(not(feature = "hyper"), doc = "[`transports::hyper`]: #features")]
#![cfg_attr(feature = "reqwest", doc = "[`transports::reqwest`]: transports::reqwest")]
#![cfg_attr(not(feature = "reqwest"), doc = "[`transports::reqwest`]: #features")]
#![cfg_attr(feature = "testing", doc = "[`testing`]: testing")]
#![cfg_attr(not(feature = "testing"), doc = "[`testing`]: #features")]
#![cfg_attr(feature = "ureq", doc = "[`transports::ureq`]: transports::ureq")]
#![cfg_attr(not(feature = "ureq"), doc = "[`transports::ureq`]: #features")]
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub, rustdoc::broken_intra_doc_links)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc
)]
// On docs.rs each item shows which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
// The adapters use the core by its public path, as another crate does.
extern crate self as location_auth;

mod acts;
mod app;
mod attempt;
mod body;
mod call;
mod checks;
mod counter;
mod delivery;
pub mod driver;
#[cfg(feature = "emulator")]
pub mod emulator;
#[cfg(feature = "emulator")]
mod emulator_request;
mod endpoint;
mod environment;
mod environment_name;
mod error;
mod error_kind;
mod error_message;
mod fault;
mod flow;
mod home;
mod identity;
mod json;
mod location_id;
mod login;
mod misuse;
mod outcome;
mod owner;
mod percent;
#[doc = include_str!("protocol.md")]
///
#[doc = include_str!("count.md")]
pub mod protocol {}
mod acquiring;
mod acquisition;
mod opening;
mod query;
mod record;
mod record_key;
mod redacted;
mod request;
mod response;
mod retry;
mod saved;
mod secret;
mod session;
mod settings;
mod slot;
mod spelling;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod token;
mod token_error;
mod token_state;
#[path = "../transports/mod.rs"]
pub mod transports;
mod unsaved;

pub use app::{App, Location};
pub use bytes::Bytes;
pub use delivery::Delivery;
pub use environment::Environment;
pub use error::{Error, Step};
pub use error_kind::{BodyProblem, ErrorKind};
pub use fault::{Credentials, Fault};
pub use flow::{Flow, Progress, ReceiveError};
pub use location_id::LocationId;
pub use login::{LocationLogin, TokenExchange, UserLogin};
pub use misuse::{Field, Misuse, UrlProblem};
pub use outcome::LastOutcome;
pub use owner::Owner;
pub use redacted::Redacted;
pub use retry::{Backoff, Retry};
pub use saved::SavedToken;
pub use session::Session;
pub use settings::Settings;
pub use text::{StrikeOut, strike_out};
pub use token::{LocationAccessToken, UserAccessToken};
pub use token_error::{TokenError, TokenErrorKind};
pub use token_state::TokenState;
pub use unsaved::Unsaved;

#[cfg(doctest)]
#[doc = include_str!("../tests/misuse.md")]
mod misuse_does_not_compile {}

#[cfg(all(doctest, feature = "folder", feature = "emulator", feature = "ureq"))]
#[doc = include_str!("../README.md")]
mod readme {}
