//! Where new tokens go.

extern crate std;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::error::Error as StdError;
use core::fmt;

use location_auth::SavedToken;

/// What a store fails with: anything that is an error.
pub type StoreError = Box<dyn StdError + Send + Sync>;

/// Where a client puts each new token before it uses it: a token lives for ever, so it must not exist in memory alone.
///
/// The program may be ended at any time after this has returned. Closures are stores:
///
/// ```
/// use location_auth::SavedToken;
/// use location_auth::transports::client::TokenStore;
///
/// fn store() -> impl TokenStore {
///     |token: &SavedToken| -> Result<(), std::io::Error> {
///         let file = match token.location() {
///             Some(location) => format!("tokens/location-{location}.json"),
///             None => "tokens/owner.json".to_owned(),
///         };
///         # let _ = file;
///         Ok(()) // write it there: a temporary file beside it, then a rename
///     }
/// }
/// # store();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no store of tokens",
    label = "give a type that implements `TokenStore`, or a closure `|token: &SavedToken| -> Result<(), E>`"
)]
pub trait TokenStore {
    /// Puts a new token where it survives the program: a user's or a Location's.
    ///
    /// # Errors
    /// Whatever kept it from that. The token is used all the same, and a response carries [`NotSaved`].
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

/// [`TokenStore`] for async programs. Closures that return a future are stores.
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
    /// As [`TokenStore::save`].
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

/// The store of a client that was given none. It keeps nothing, and says so.
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

/// New tokens that the store failed to keep, among the extensions of a response: told once, on the first response after it failed.
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
pub struct NotSaved(pub(super) Arc<[(SavedToken, StoreError)]>);

impl NotSaved {
    /// Each token that lives in memory alone, and why.
    pub fn tokens(&self) -> impl Iterator<Item = (&SavedToken, &StoreError)> {
        self.0.iter().map(|(token, error)| (token, error))
    }
}

/// How many tokens, and nothing of them or of the store's errors.
impl fmt::Debug for NotSaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotSaved").field("tokens", &self.0.len()).finish_non_exhaustive()
    }
}
