//! Clients that make calls with a session's credentials and renew tokens (feature `client`).
//!
//! [`Client`] is for blocking programs, [`AsyncClient`] for async ones. Apart from that they do the same, because the core decides. Both are an
//! [`AnyClient`], so a function can take both.
//! [`Call`](crate::driver::Call) and [`Acquisition`](crate::driver::Acquisition) show the order of the steps.
//!
//! - If the session is a [`Location::session`](crate::Location::session), the first call gets the Location's token from the
//!   [`Owner`](crate::Owner). Then the program needs no login of its own.
//! - After a 401 the client gets a new token from its owner, and sends the call once more. A client from [`Client::new`](Client#method.new) has no
//!   owner: it returns [`CallError::TokenRejected`].
//! - The clients of one owner's Locations share the transport, the owner and the store. Make the first with
//!   [`with_owner`](Client#method.with_owner) and the others with [`for_session`](Client::for_session). In a loop over Locations, the first can be of none:
//!   [`Session::without_token`](crate::Session::without_token). However many callers get a 401 at once,
//!   they send one exchange for each Location and one login for the owner.
//! - The client saves each new token in the [`TokenStore`] before it uses the token. A store that gives turns, such as a [`Folder`](crate#features), also
//!   has the tokens and the count of other processes. If the store fails, the client uses the token anyway, and [`unsaved`](AnyClient::unsaved) lists
//!   it until it is saved.
//! - [`Acquisition`](crate::driver::Acquisition) has a table of what each outcome of a token request means for the callers that wait and for later ones.
//! - [`call`](Client#method.call) does not retry after a 429 or 503: [`call_with_retries`](Client#method.call_with_retries) does. Neither sends a call again after
//!   a broken connection.
//! - The client holds no lock while it sends or saves. If a transport or a store calls its own client in the same task or on the same thread, and
//!   would wait for itself, it gets an error. On another one it waits for ever.
//!
//! For a body that streams, use [`call_with`](Client#method.call_with) and a function that sends one request. If you have no such function, call
//! [`ensure_token`](Client#method.ensure_token), [`authorize`](Client::authorize) the request, send it, and ask [`received`](Client#method.received) what to do
//! next, and [`flush`](Client#method.flush) to write what the store failed to save. All of these share one state. The layer of the
//! module `tower` (feature `tower`) shares it, too: it works over any `tower` service of HTTP requests.

mod asynchronous;
mod blocking;
mod body;
mod error;
#[cfg(feature = "folder")]
mod folder;
#[cfg(feature = "folder")]
mod on_a_thread;
mod reentry;
#[cfg(feature = "folder")]
mod rules;
#[cfg(feature = "tower")]
mod service_error;
mod shared;
mod store;
mod sync;
mod ticket;
#[cfg(feature = "tower")]
pub mod tower;

pub use asynchronous::{Async, AsyncClient};
pub use blocking::{Blocking, Client};
pub use body::IntoBody;
pub use error::CallError;
#[cfg(feature = "folder")]
pub use folder::{Folder, FolderTurn};
pub use shared::{AnyClient, Counts, Detached};
pub use store::{AsyncTokenStore, NoStore, StoreError, TokenStore};
