//! The stores of tokens.

extern crate std;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error as StdError;

use location_auth::SavedToken;
use location_auth::store::{Record, RecordKey, Stored};

/// The error of a store: any error. Events and errors show its text, so it must not repeat a record.
pub type StoreError = Box<dyn StdError + Send + Sync>;

/// Keeps tokens outside of the program's memory. [`store`](crate::store) says what a store must do.
///
/// A closure that saves a token is a store, for a program that is alone: the record is in memory then, and it begins anew with each start.
///
/// ```
/// use location_auth::SavedToken;
/// use location_auth::transports::client::TokenStore;
///
/// fn store() -> impl TokenStore {
///     |token: &SavedToken| -> Result<(), std::io::Error> {
///         let key = match token.location() {
///             Some(location) => location.as_str(),
///             None => "the owner",
///         };
///         # let _ = key;
///         Ok(()) // write it under this key, so that it is safe even if the program stops now
///     }
/// }
/// # store();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no store of tokens",
    label = "give a type that implements `TokenStore`, or a closure `|token: &SavedToken| -> Result<(), E>`"
)]
pub trait TokenStore {
    /// The right to write the record of one key. Dropping it gives it up, and so does the end of the process.
    type Turn;

    /// Waits until no other caller, of any process, has the turn for the key, and reads the record.
    ///
    /// # Errors
    /// Any error, also if it has waited as long as the program lets it. Then no token is requested.
    fn open(&self, key: &RecordKey) -> Result<(Self::Turn, Stored), StoreError>;

    /// Writes the record. When this returns, it must be safe even if the machine stops.
    ///
    /// # Errors
    /// Any error, above all if the turn was lost.
    fn write(&self, turn: &mut Self::Turn, record: &Record) -> Result<(), StoreError>;

    /// The keys of all records, for [`forget`](super::Client#method.forget). The owner's and those of the client's own Location need not be there.
    ///
    /// # Errors
    /// Any error.
    fn keys(&self) -> Result<Vec<RecordKey>, StoreError> {
        Ok(Vec::new())
    }
}

impl<F, E> TokenStore for F
where
    F: Fn(&SavedToken) -> Result<(), E>,
    E: Into<StoreError>,
{
    type Turn = ();

    fn open(&self, _: &RecordKey) -> Result<((), Stored), StoreError> {
        Ok(((), Stored::SavesOnly))
    }

    fn write(&self, (): &mut (), record: &Record) -> Result<(), StoreError> {
        record.new_token().map_or(Ok(()), self).map_err(Into::into)
    }
}

/// Clients of several Locations can share one store.
impl<S: TokenStore + ?Sized> TokenStore for Arc<S> {
    type Turn = S::Turn;

    fn open(&self, key: &RecordKey) -> Result<(S::Turn, Stored), StoreError> {
        (**self).open(key)
    }

    fn write(&self, turn: &mut S::Turn, record: &Record) -> Result<(), StoreError> {
        (**self).write(turn, record)
    }

    fn keys(&self) -> Result<Vec<RecordKey>, StoreError> {
        (**self).keys()
    }
}

/// Keeps tokens outside of the program's memory, as [`TokenStore`] does, for async programs. A closure that returns a future is a store that only saves.
///
/// ```
/// use location_auth::SavedToken;
/// use location_auth::transports::client::AsyncTokenStore;
///
/// fn store() -> impl AsyncTokenStore {
///     |token: SavedToken| async move {
///         let _ = token.location(); // write it to a database
///         Ok::<(), std::io::Error>(())
///     }
/// }
/// # store();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no async store of tokens",
    label = "give a type that implements `AsyncTokenStore`, or a closure `|token: SavedToken| async move {{ … }}` that returns a Result"
)]
pub trait AsyncTokenStore {
    /// As [`TokenStore::Turn`].
    type Turn;

    /// Waits for the turn and reads the record, as [`TokenStore::open`] does. A future that is dropped takes no turn later.
    fn open(&self, key: RecordKey) -> impl Future<Output = Result<(Self::Turn, Stored), StoreError>>;

    /// Writes the record, as [`TokenStore::write`] does.
    fn write(&self, turn: &mut Self::Turn, record: Record) -> impl Future<Output = Result<(), StoreError>>;

    /// The keys of all records, as [`TokenStore::keys`].
    fn keys(&self) -> impl Future<Output = Result<Vec<RecordKey>, StoreError>> {
        async { Ok(Vec::new()) }
    }
}

impl<F, R, E> AsyncTokenStore for F
where
    F: Fn(SavedToken) -> R,
    R: Future<Output = Result<(), E>>,
    E: Into<StoreError>,
{
    type Turn = ();

    async fn open(&self, _: RecordKey) -> Result<((), Stored), StoreError> {
        Ok(((), Stored::SavesOnly))
    }

    async fn write(&self, (): &mut (), record: Record) -> Result<(), StoreError> {
        match record.new_token() {
            Some(token) => self(token.clone()).await.map_err(Into::into),
            None => Ok(()),
        }
    }
}

/// Clients of several Locations can share one store.
impl<S: AsyncTokenStore + ?Sized> AsyncTokenStore for Arc<S> {
    type Turn = S::Turn;

    fn open(&self, key: RecordKey) -> impl Future<Output = Result<(S::Turn, Stored), StoreError>> {
        (**self).open(key)
    }

    fn write(&self, turn: &mut S::Turn, record: Record) -> impl Future<Output = Result<(), StoreError>> {
        (**self).write(turn, record)
    }

    fn keys(&self) -> impl Future<Output = Result<Vec<RecordKey>, StoreError>> {
        (**self).keys()
    }
}

/// A store that saves nothing and returns an error. `Client::new` and `AsyncClient::new` use it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl TokenStore for NoStore {
    type Turn = ();

    fn open(&self, _: &RecordKey) -> Result<((), Stored), StoreError> {
        Ok(((), Stored::SavesOnly))
    }

    fn write(&self, (): &mut (), _: &Record) -> Result<(), StoreError> {
        Err("the client has no store: make it with one".into())
    }
}

impl AsyncTokenStore for NoStore {
    type Turn = ();

    async fn open(&self, key: RecordKey) -> Result<((), Stored), StoreError> {
        TokenStore::open(self, &key)
    }

    async fn write(&self, turn: &mut (), record: Record) -> Result<(), StoreError> {
        TokenStore::write(self, turn, &record)
    }
}
