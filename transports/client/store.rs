//! The stores that new tokens are saved in.

extern crate std;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error as StdError;
use core::fmt;

use location_auth::SavedToken;

/// The error of a store: any error.
pub type StoreError = Box<dyn StdError + Send + Sync>;

/// Saves each new token before the client uses it. A token never expires, so it must not exist only in memory.
///
/// When `save` returns, the token must be safe even if the program stops. Give it a time-out, as a transport has one: until it returns, every call
/// that waits for the token waits. Make a store for each owner, since an owner's token does not say whose it
/// is. A Location's id may hold a `/`: use [`LocationId::percent_encoded`](crate::LocationId::percent_encoded) in a file's name. A closure is a
/// store:
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
///         Ok(()) // write it under this key; in a file, write a temporary one first, then rename it
///     }
/// }
/// # store();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no store of tokens",
    label = "give a type that implements `TokenStore`, or a closure `|token: &SavedToken| -> Result<(), E>`"
)]
pub trait TokenStore {
    /// Saves a new User or Location Access Token outside the program's memory.
    ///
    /// # Errors
    /// Any error. The client uses the token anyway, and a response has [`NotSaved`] in its extensions.
    fn save(&self, token: &SavedToken) -> Result<(), StoreError>;
}

impl<F, E> TokenStore for F
where
    F: Fn(&SavedToken) -> Result<(), E>,
    E: Into<StoreError>,
{
    fn save(&self, token: &SavedToken) -> Result<(), StoreError> {
        self(token).map_err(Into::into)
    }
}

/// Clients of several owners can share one store.
impl<S: TokenStore + ?Sized> TokenStore for Arc<S> {
    fn save(&self, token: &SavedToken) -> Result<(), StoreError> {
        (**self).save(token)
    }
}

/// Saves each new token, as [`TokenStore`] does, for async programs: with a time-out, too. A closure that returns a future is a store.
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
    /// Saves a new token, as [`TokenStore::save`] does.
    fn save(&self, token: SavedToken) -> impl Future<Output = Result<(), StoreError>>;
}

impl<F, R, E> AsyncTokenStore for F
where
    F: Fn(SavedToken) -> R,
    R: Future<Output = Result<(), E>>,
    E: Into<StoreError>,
{
    async fn save(&self, token: SavedToken) -> Result<(), StoreError> {
        self(token).await.map_err(Into::into)
    }
}

/// Clients of several owners can share one store.
impl<S: AsyncTokenStore + ?Sized> AsyncTokenStore for Arc<S> {
    fn save(&self, token: SavedToken) -> impl Future<Output = Result<(), StoreError>> {
        (**self).save(token)
    }
}

/// A store that saves nothing and returns an error. `Client::new` and `AsyncClient::new` use it.
///
/// ```
/// use location_auth::SavedToken;
/// use location_auth::transports::client::{NoStore, TokenStore};
///
/// fn is_kept(token: &SavedToken) -> bool {
///     TokenStore::save(&NoStore, token).is_ok()
/// }
/// # let file = r#"{"version": 1, "environment": "staging", "kind": "user", "access_token": "u-1"}"#;
/// # assert!(!is_kept(&serde_json::from_str(file)?));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl TokenStore for NoStore {
    fn save(&self, _: &SavedToken) -> Result<(), StoreError> {
        Err("the client has no store: make it with one".into())
    }
}

impl AsyncTokenStore for NoStore {
    async fn save(&self, token: SavedToken) -> Result<(), StoreError> {
        TokenStore::save(self, &token)
    }
}

/// The new tokens that the store failed to save. The first response after the failure has it in its extensions, and no later one. A response
/// with 429 or 503 never has it, since a retry would drop it. [`Client::take_not_saved`](super::Client::take_not_saved) returns it where there
/// is no response.
///
/// ```
/// use http::Response;
/// use location_auth::transports::client::NotSaved;
///
/// fn warn<B>(response: &Response<B>) {
///     if let Some(not_saved) = response.extensions().get::<NotSaved>() {
///         for (token, error) in not_saved.tokens() {
///             eprintln!("the new token of {:?} is not in the store: {error}", token.location());
///         }
///     }
/// }
/// # warn(&Response::new(()));
/// ```
#[derive(Clone)]
pub struct NotSaved(Arc<[(SavedToken, StoreError)]>);

impl NotSaved {
    pub(super) fn new(tokens: Vec<(SavedToken, StoreError)>) -> Option<Self> {
        (!tokens.is_empty()).then(|| Self(tokens.into()))
    }

    /// Returns each token that is only in memory, with the store's error.
    pub fn tokens(&self) -> impl Iterator<Item = (&SavedToken, &StoreError)> {
        self.0.iter().map(|(token, error)| (token, error))
    }
}

/// Shows how many tokens there are, and nothing of the tokens or of the store's errors.
impl fmt::Debug for NotSaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotSaved").field("tokens", &self.0.len()).finish_non_exhaustive()
    }
}
