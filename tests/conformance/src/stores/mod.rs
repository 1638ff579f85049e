//! What every store of tokens must do ([`location_auth::store`]), as one table: [`ROWS`]. Your own store is held to it by a test with a `main` of its
//! own (`harness = false`):
//!
//! ```no_run
//! // tests/store.rs
//! # mod my_crate {
//! #     use location_auth::transports::client::TokenStore;
//! #     pub fn store(_: &location_auth_conformance::stores::Place) -> impl TokenStore<Turn = ()> + Send + Sync + use<> {
//! #         |_: &location_auth::SavedToken| Ok::<(), std::io::Error>(())
//! #     }
//! #     pub fn remove(_: &location_auth_conformance::stores::Place, _: &location_auth::store::RecordKey) {}
//! # }
//! use location_auth_conformance::stores::{Store, Subject, run};
//!
//! fn main() -> std::process::ExitCode {
//!     let mine = Subject::new("mine", |place| Store::blocking(my_crate::store(place))).with_removal(my_crate::remove);
//!     run(&[mine])
//! }
//! ```
//!
//! Some rows need other processes: `run` starts the test's own program again, and there it does as the row says. So a [`Place`] is all that the
//! function has to make the store of.

mod child;
mod records;
mod rows;
mod run;

use std::any::Any;
use std::pin::Pin;
use std::time::Duration;

use location_auth::store::{Record, RecordKey, Stored};
use location_auth::transports::client::{AsyncTokenStore, StoreError, TokenStore};

pub use rows::{ROWS, Row};
pub use run::{as_other_process, on_tokio, run};

/// A store under test: how it is made, and what is done to it from outside.
#[derive(Clone, Copy)]
pub struct Subject {
    pub name: &'static str,
    /// Makes the store as another process would: a connection, pool or folder handle of its own.
    pub store: fn(&Place) -> Store,
    /// Removes the record of a key, as an operator would.
    pub removal: Option<fn(&Place, &RecordKey)>,
    /// Takes the turn of a key from whoever has it: what a database does when the connection breaks.
    pub loss: Option<fn(&Place, &RecordKey)>,
}

impl Subject {
    pub const fn new(name: &'static str, store: fn(&Place) -> Store) -> Self {
        Self { name, store, removal: None, loss: None }
    }

    /// Without it the rows of removed records pass unseen.
    #[must_use]
    pub const fn with_removal(self, removal: fn(&Place, &RecordKey)) -> Self {
        Self { removal: Some(removal), ..self }
    }

    /// Without it the row of a lost turn passes unseen: right for a store whose turns can't be lost.
    #[must_use]
    pub const fn with_loss(self, loss: fn(&Place, &RecordKey)) -> Self {
        Self { loss: Some(loss), ..self }
    }
}

/// Where a row's records are. Two stores of one place see the same records, in whatever process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// No other row has it, nor another run. Small letters, digits and `_`, at most 40: fit for a folder, a table or a part of a label.
    pub name: String,
    /// Whose tokens they are: two owners of one name are in one database. Small letters.
    pub owner: String,
    /// How long a caller may wait for a turn: then it is an error.
    pub patience: Duration,
}

/// A store of whatever type.
pub struct Store(Box<dyn AnyStore>);

impl Store {
    /// A blocking store.
    pub fn blocking<S>(store: S) -> Self
    where
        S: TokenStore<Turn: 'static> + Send + Sync + 'static,
    {
        Self(Box::new(Blocking(store)))
    }

    /// An async store. Each row runs on tokio, with threads, timers and sockets.
    pub fn asynchronous<S>(store: S) -> Self
    where
        S: AsyncTokenStore<Turn: 'static> + Send + Sync + 'static,
    {
        Self(Box::new(Asynchronous(store)))
    }
}

type Local<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + 'a>>;

/// A turn of a type that only the store knows.
type AnyTurn = Box<dyn Any>;

trait AnyStore: Send + Sync {
    /// Whether waiting blocks the thread.
    fn blocks(&self) -> bool;
    fn open<'a>(&'a self, key: &'a RecordKey) -> Local<'a, (AnyTurn, Stored)>;
    fn write<'a>(&'a self, turn: &'a mut AnyTurn, record: Record) -> Local<'a, ()>;
    fn keys(&self) -> Local<'_, Vec<RecordKey>>;
}

const OWN: &str = "a turn comes back to the store that gave it";

struct Blocking<S>(S);

impl<S: TokenStore<Turn: 'static> + Send + Sync> AnyStore for Blocking<S> {
    fn blocks(&self) -> bool {
        true
    }

    fn open<'a>(&'a self, key: &'a RecordKey) -> Local<'a, (AnyTurn, Stored)> {
        Box::pin(async { self.0.open(key).map(|(turn, stored)| (Box::new(turn) as AnyTurn, stored)) })
    }

    fn write<'a>(&'a self, turn: &'a mut AnyTurn, record: Record) -> Local<'a, ()> {
        Box::pin(async move { self.0.write(turn.downcast_mut().expect(OWN), &record) })
    }

    fn keys(&self) -> Local<'_, Vec<RecordKey>> {
        Box::pin(async { self.0.keys() })
    }
}

struct Asynchronous<S>(S);

impl<S: AsyncTokenStore<Turn: 'static> + Send + Sync> AnyStore for Asynchronous<S> {
    fn blocks(&self) -> bool {
        false
    }

    fn open<'a>(&'a self, key: &'a RecordKey) -> Local<'a, (AnyTurn, Stored)> {
        Box::pin(async { self.0.open(key.clone()).await.map(|(turn, stored)| (Box::new(turn) as AnyTurn, stored)) })
    }

    fn write<'a>(&'a self, turn: &'a mut AnyTurn, record: Record) -> Local<'a, ()> {
        Box::pin(self.0.write(turn.downcast_mut().expect(OWN), record))
    }

    fn keys(&self) -> Local<'_, Vec<RecordKey>> {
        Box::pin(self.0.keys())
    }
}
