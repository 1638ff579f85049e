//! Ready-made clients: a session, an owner and a transport tied together, so that a call is one function (feature `client`).
//!
//! [`Client`] blocks, [`AsyncClient`] does not; they do the same otherwise, since the core decides: [`Call`](crate::Call) and
//! [`Renewal`](crate::Renewal) draw what follows what.
//!
//! - A rejected token is renewed by the [`Owner`](crate::Owner) that the client was made with. [`Client::new`] makes one that renews nothing: then a
//!   rejected token is [`CallError::TokenRejected`].
//! - The clients of one owner's Locations share one transport, one owner and one store: make the first by
//!   [`with_owner`](Client::with_owner) and the others by [`for_session`](Client::for_session). However many callers meet a 401 at once,
//!   there is one exchange for each Location and one login for the owner.
//! - Each new token is given to the [`TokenStore`] before it is used. Where the store fails, the token is used all the same, and the next
//!   response carries [`NotSaved`].
//! - What each outcome of a token request leads to, for who waits and who comes later, is a table: see [`Renewal`](crate::Renewal).
//! - A call is sent again after a 401 with a new token, once. After 429 and 503 it is sent again by your word alone, which is
//!   [`call_with_retries`](Client::call_with_retries), and after a cut connection never.
//! - No lock is held while anything is sent or stored. A transport or a store that makes a call with the client it belongs to gets an error
//!   where it would wait for itself.
//!
//! A body that streams goes through [`call_with`](Client::call_with), over a function that sends one request. Where there is no such function,
//! [`authorize`](Client::authorize) the request, send it, and ask [`received`](Client::received) what follows. All work on the same state. So
//! does the layer of the module `tower` (feature `tower`), which goes over any service of HTTP requests.

mod asynchronous;
mod blocking;
mod body;
mod error;
mod reentry;
#[cfg(feature = "tower")]
mod service_error;
mod shared;
mod store;
mod sync;
#[cfg(feature = "tower")]
pub mod tower;

pub use asynchronous::AsyncClient;
pub use blocking::Client;
pub use body::IntoBody;
pub use error::CallError;
pub use store::{AsyncTokenStore, NoStore, NotSaved, StoreError, TokenStore};
