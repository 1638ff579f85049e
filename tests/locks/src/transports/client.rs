//! The files of the blocking client, except the one that says what a lock is.

#[path = "../../../../transports/client/blocking.rs"]
mod blocking;
#[path = "../../../../transports/client/body.rs"]
mod body;
#[path = "../../../../transports/client/error.rs"]
mod error;
// Half of it is the async client's.
#[allow(dead_code)]
#[path = "../../../../transports/client/reentry.rs"]
mod reentry;
#[allow(dead_code)]
#[path = "../../../../transports/client/shared.rs"]
mod shared;
#[path = "../../../../transports/client/store.rs"]
mod store;
mod sync;
// The async client's.
#[allow(dead_code)]
#[path = "../../../../transports/client/ticket.rs"]
mod ticket;

pub use blocking::{Blocking, Client};
pub use body::IntoBody;
pub use error::CallError;
pub use shared::{AnyClient, Counts, Detached};
pub use store::{AsyncTokenStore, NoStore, StoreError, TokenStore};
