//! An async transport whose type is hidden, for code that is not generic and moves its futures between threads.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;

use http::{Request, Response};
use location_auth::Bytes;

use super::{AsyncTransport, Delivery, SendErrorKind};

/// One type for any async transport whose futures are `Send`, for example for the state of a web service, or for `tokio::spawn`.
///
/// It holds an `Arc`, so it is cheap to clone. It is `Send` and `Sync`. Each send costs one more allocation.
/// [`delivery`](AsyncTransport::delivery) and [`kind`](AsyncTransport::kind) are those of the transport.
///
/// ```
/// use http::{Request, Response};
/// use location_auth::transports::{AsyncTransport, SendError, SharedTransport};
/// # #[cfg(feature = "client")]
/// use location_auth::transports::client::{AsyncClient, CallError};
///
/// # #[cfg(feature = "client")]
/// /// The state of a service, without a type parameter.
/// #[derive(Clone)]
/// struct Service {
///     client: AsyncClient<SharedTransport<SendError>>,
/// }
///
/// # #[cfg(feature = "client")]
/// impl Service {
///     async fn contacts(self) -> Result<Response<Vec<u8>>, CallError<SendError>> {
///         let call = Request::get("https://api.example.com/contacts").body(()).expect("a good URL");
///         self.client.call(call).await
///     }
/// }
///
/// # #[cfg(feature = "client")]
/// fn start(service: &Service) {
///     tokio::spawn(service.clone().contacts());
/// }
///
/// # #[cfg(feature = "reqwest")]
/// fn transport() -> Result<SharedTransport<SendError>, SendError> {
///     use location_auth::transports::reqwest::Reqwest;
///
///     let reqwest = Reqwest::new()?;
///     Ok(SharedTransport::new(reqwest, |reqwest, request, limit| async move { reqwest.send(request, limit).await }))
/// }
/// ```
pub struct SharedTransport<E>(Arc<dyn Boxed<E>>);

impl<E> SharedTransport<E> {
    /// Hides the transport's type. `send` is always `|transport, request, limit| async move { transport.send(request, limit).await }`. You
    /// write it where the type is known, because only there the compiler sees that the future is `Send`.
    pub fn new<T, F, R>(transport: T, send: F) -> Self
    where
        T: AsyncTransport<Error = E> + Send + Sync + 'static,
        F: Fn(Arc<T>, Request<Bytes>, usize) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Response<Vec<u8>>, E>> + Send + 'static,
    {
        Self(Arc::new(Boxing { transport: Arc::new(transport), send }))
    }
}

impl<E: 'static> AsyncTransport for SharedTransport<E> {
    type Error = E;

    fn send(&self, request: Request<Bytes>, limit: usize) -> impl Future<Output = Result<Response<Vec<u8>>, E>> {
        self.0.send(request, limit)
    }

    fn delivery(&self, error: &E) -> Delivery {
        self.0.delivery(error)
    }

    fn kind(&self, error: &E) -> SendErrorKind {
        self.0.kind(error)
    }
}

// Not derived: a derived impl would require an error that is `Clone`.
impl<E> Clone for SharedTransport<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Shows nothing of the transport, which may hold secrets.
impl<E> fmt::Debug for SharedTransport<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTransport").finish_non_exhaustive()
    }
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, E>> + Send>>;

/// [`AsyncTransport`] as a trait that can be a trait object.
trait Boxed<E>: Send + Sync {
    fn send(&self, request: Request<Bytes>, limit: usize) -> Answer<E>;
    fn delivery(&self, error: &E) -> Delivery;
    fn kind(&self, error: &E) -> SendErrorKind;
}

struct Boxing<T, F> {
    transport: Arc<T>,
    send: F,
}

impl<T, F, R> Boxed<T::Error> for Boxing<T, F>
where
    T: AsyncTransport + Send + Sync,
    F: Fn(Arc<T>, Request<Bytes>, usize) -> R + Send + Sync,
    R: Future<Output = Result<Response<Vec<u8>>, T::Error>> + Send + 'static,
{
    fn send(&self, request: Request<Bytes>, limit: usize) -> Answer<T::Error> {
        Box::pin((self.send)(Arc::clone(&self.transport), request, limit))
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.transport.delivery(error)
    }

    fn kind(&self, error: &T::Error) -> SendErrorKind {
        self.transport.kind(error)
    }
}
