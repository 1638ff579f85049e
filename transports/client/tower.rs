//! A [tower](https://docs.rs/tower/0.5) layer that makes calls with any body over your program's own HTTP service (feature `tower`).
//!
//! [`AsyncClient::layer`] makes it. The layer authorizes each request. It gets a Location's first token before it sends a call. After a 401 it
//! renews the token, once for all callers, and sends the request again. It shares the session, the owner, the store and the transport with its
//! client. The transport sends the token requests, and the inner service sends the calls. The layer does not read bodies, so the client's
//! [limit](AsyncClient::with_limit) does not apply to it.
//!
//! ```
//! use core::error::Error;
//! use core::future::poll_fn;
//! use http::{Request, Response};
//! use location_auth::Bytes;
//! use location_auth::transports::AsyncTransport;
//! use location_auth::transports::client::{AsyncClient, CallError, tower::ServiceError};
//! use tower_layer::Layer;
//! use tower_service::Service;
//!
//! /// `http` is any HTTP client that is a service: hyper-util's, an axum `Router`, or a stack of tower's layers.
//! async fn call<T, H, R>(
//!     client: &AsyncClient<T>,
//!     http: H,
//!     request: Request<Bytes>,
//! ) -> Result<Response<R>, CallError<ServiceError, ()>>
//! where
//!     T: AsyncTransport<Error: Error + Send + Sync + 'static>,
//!     H: Service<Request<Bytes>, Response = Response<R>, Error: Error + Send + Sync + 'static> + Clone,
//! {
//!     let mut service = client.layer().layer(http);
//!     poll_fn(|context| service.poll_ready(context)).await?;
//!     service.call(request).await
//! }
//! ```
//!
//! # What is sent again
//!
//! The layer sends a clone of the body again, or what the function of [`AsyncClient::layer_repeating`] returns, for example the same file, opened
//! once more. If that is `None`, the layer still renews the token, and the caller gets [`CallError::NotRepeated`]. A call without a response is not
//! sent again.
//!
//! # Over reqwest
//!
//! `reqwest::Client` is a service of `reqwest::Request` alone, and its `Body` can't be cloned outside of reqwest. So the layer goes over
//! [`Reqwest`](super::super::reqwest::Reqwest), which sends an `http::Request` of any body that reqwest takes, here of `Bytes`:
//!
//! ```
//! # #[cfg(feature = "reqwest")]
//! # mod over_reqwest {
//! use core::pin::Pin;
//! use core::task::{Context, Poll};
//! use http::{Request, Response};
//! use location_auth::Bytes;
//! use location_auth::transports::{SendError, client::AsyncClient, reqwest::Reqwest};
//! use tower_layer::Layer;
//! use tower_service::Service;
//!
//! #[derive(Clone)]
//! struct Http(Reqwest);
//!
//! impl Service<Request<Bytes>> for Http {
//!     type Response = Response<reqwest::Body>;
//!     type Error = SendError;
//!     type Future = Pin<Box<dyn Future<Output = Result<Self::Response, SendError>> + Send>>;
//!
//!     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn call(&mut self, request: Request<Bytes>) -> Self::Future {
//!         let Self(reqwest) = self.clone();
//!         Box::pin(async move { reqwest.execute(request).await })
//!     }
//! }
//!
//! fn contacts(client: &AsyncClient<Reqwest>) -> impl Service<Request<Bytes>> {
//!     client.layer().layer(Http(client.transport().clone()))
//! }
//! # }
//! ```
//!
//! # The order of layers
//!
//! | layer | inside (below this one) | outside (above this one) |
//! | --- | --- | --- |
//! | time-out | **for each send**; a call that it stops may have arrived | for the whole call; it may drop a token request in flight |
//! | retry | each retry has the credentials of the first send | **each retry gets the newest credentials** |
//! | concurrency limit | **for requests**; a call that waits for a token does not count | for calls; a call that waits for a token counts |
//! | redirects | followed within their origin alone: to another one they would carry `x-api-key`, which `tower-http` does not remove | **each hop is authorized anew; to an origin that is not in the settings it is an error** |
//! | trace | sees each send, with credentials | **sees each call once, before it has credentials** |
//!
//! Prefer the order in bold. The other order works, too, at a cost:
//!
//! - A dropped token request has an unknown outcome. After two of these in a row there is a pause
//!   ([`TokenErrorKind::Paused`](crate::TokenErrorKind::Paused)). So a time-out outside must be longer than three token requests.
//! - A retry layer asks [`CallError::retry`] about an error, and [`Retry::after`](crate::Retry::after) about a response. Outside,
//!   it never repeats a 401, which is an error there.
//! - A trace inside must show no header that is marked as sensitive, and no URL of a session that puts its token into the query.
//!
//! In either order, the transport has the time-out for the token requests.
//!
//! # A name for the service's type
//!
//! You can't write down the type of [`Auth`], because the future of a renewal has no name. For a field of a struct use
//! `tower::util::BoxCloneSyncService<Request<B>, Response<R>, CallError<ServiceError, ()>>`, or a generic parameter.
//!
//! The futures are `Send` if those of the inner service, the transport and the store are.

use alloc::boxed::Box;
use core::fmt;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};

use http::{Request, Response};
use location_auth::TokenError;
use location_auth::driver::{Acquisition, Call, Next, Replay, SentCall, WaitingCall};
use tower_layer::Layer;
use tower_service::Service;

use super::super::AsyncTransport;
use super::service_error::{BoxError, not_sent, unanswered};
use super::{AsyncClient, AsyncTokenStore, CallError};

pub use super::service_error::ServiceError;

impl<T: AsyncTransport, S: AsyncTokenStore> AsyncClient<T, S> {
    /// Makes a tower layer that shares this client's state (feature `tower`). After a 401 it sends a clone of the body.
    ///
    /// See the [module's documentation](super::tower).
    #[allow(clippy::type_complexity, reason = "an `impl Trait` can't have a name")]
    pub fn layer<B: Clone>(
        &self,
    ) -> AuthLayer<
        T,
        S,
        fn(&B) -> Option<B>,
        impl Acquire<T, S, Future = impl Future<Output = Acquired<T::Error>> + use<T, S, B>> + use<T, S, B>,
    > {
        let again: fn(&B) -> Option<B> = |body| Some(body.clone());
        self.layer_repeating(again)
    }

    /// Makes a layer as [`layer`](Self::layer) does, for a body that is not `Clone`. Before a call is sent, `again` makes a second body for it,
    /// or returns `None` if it can't.
    #[allow(clippy::type_complexity, reason = "an `impl Trait` can't have a name")]
    pub fn layer_repeating<B, A: Fn(&B) -> Option<B>>(
        &self,
        again: A,
    ) -> AuthLayer<
        T,
        S,
        A,
        impl Acquire<T, S, Future = impl Future<Output = Acquired<T::Error>> + use<T, S, B, A>> + use<T, S, B, A>,
    > {
        let renew = |client: Self, renewal: Acquisition| async move {
            let mut transport = None;
            let result = client.run(renewal, &mut transport).await;
            (result, transport)
        };
        AuthLayer { client: self.clone(), again, renew }
    }
}

/// The result of a renewal, and the transport's own error if its token request got no response.
type Acquired<E> = (Result<Replay, TokenError>, Option<E>);

use sealed::Acquire;

mod sealed {
    use super::{Acquired, Acquisition, AsyncClient, AsyncTransport};

    /// Gets a client's token. A transport's futures have no names. This trait names the renewal's future, so that it is `Send` if theirs are.
    pub trait Acquire<T: AsyncTransport, S>: Clone {
        type Future: Future<Output = Acquired<T::Error>>;

        fn renew(&self, client: AsyncClient<T, S>, renewal: Acquisition) -> Self::Future;
    }

    impl<T: AsyncTransport, S, N, F> Acquire<T, S> for N
    where
        N: Fn(AsyncClient<T, S>, Acquisition) -> F + Clone,
        F: Future<Output = Acquired<T::Error>>,
    {
        type Future = F;

        fn renew(&self, client: AsyncClient<T, S>, renewal: Acquisition) -> F {
            self(client, renewal)
        }
    }
}

/// A layer that puts [`Auth`] over a service. [`AsyncClient::layer`] makes it.
///
/// ```
/// use location_auth::transports::AsyncTransport;
/// use location_auth::transports::client::AsyncClient;
/// use tower_layer::Layer;
///
/// /// The upload can't be sent again: after a 401 its caller gets an error, and makes the call again.
/// fn for_uploads<T: AsyncTransport, H, Upload>(client: &AsyncClient<T>, http: H) {
///     let service = client.layer_repeating(|_: &Upload| None).layer(http);
///     # let _ = service;
/// }
/// ```
pub struct AuthLayer<T, S, A, N> {
    client: AsyncClient<T, S>,
    again: A,
    renew: N,
}

impl<T, S, A: Clone, N: Clone, I> Layer<I> for AuthLayer<T, S, A, N> {
    type Service = Auth<I, T, S, A, N>;

    fn layer(&self, inner: I) -> Self::Service {
        Auth { inner, layer: self.clone() }
    }
}

/// A service that authorizes the requests to its inner service. [`AuthLayer`] makes it: see the [module's documentation](super::tower).
///
/// ```
/// use http::Request;
/// use location_auth::transports::client::{CallError, tower::ServiceError};
/// use tower_service::Service;
///
/// /// A function that takes this service takes any service with this error.
/// async fn status<H, B, R>(mut http: H, request: Request<B>) -> Result<u16, CallError<ServiceError, ()>>
/// where
///     H: Service<Request<B>, Response = http::Response<R>, Error = CallError<ServiceError, ()>>,
/// {
///     std::future::poll_fn(|context| http.poll_ready(context)).await?;
///     Ok(http.call(request).await?.status().as_u16())
/// }
/// ```
pub struct Auth<I, T, S, A, N> {
    inner: I,
    layer: AuthLayer<T, S, A, N>,
}

impl<I, T, S, A, N, B, R> Service<Request<B>> for Auth<I, T, S, A, N>
where
    I: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>> + Clone,
    T: AsyncTransport<Error: Into<BoxError>>,
    S: AsyncTokenStore,
    A: Fn(&B) -> Option<B>,
    N: Acquire<T, S>,
{
    type Response = Response<R>;
    type Error = CallError<ServiceError, ()>;
    type Future = AuthFuture<I, B, T, S, N>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(|error| not_sent(self.layer.client.location(), error))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (head, body) = request.into_parts();
        let again = (self.layer.again)(&body).map(|body| Request::from_parts(head.clone(), body));
        let call = Call::repeating(Request::from_parts(head, body), again);
        // Only the service that was polled ready may be called, not its clone.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let (client, renew) = (self.layer.client.clone(), self.layer.renew.clone());
        let state = match client.begin(call) {
            Next::Send(call) => State::Ready(call),
            Next::Acquire(renewal, waiting) => {
                // What the service reserved is free while the token is requested.
                inner = self.inner.clone();
                State::Acquiring(Box::pin(renew.renew(client.clone(), renewal)), waiting)
            }
            // It has no response yet.
            Next::Done(_) => State::Ended,
        };
        AuthFuture { inner, client, renew, state }
    }
}

/// The future of a call through [`Auth`].
///
/// ```
/// use http::Request;
/// use location_auth::transports::client::tower::Auth;
/// use tower_service::Service;
///
/// /// Starts a call. Nothing is sent before the future is polled.
/// fn start<I, T, S, A, N, B>(http: &mut Auth<I, T, S, A, N>, request: Request<B>) -> impl Future
/// where
///     Auth<I, T, S, A, N>: Service<Request<B>>,
/// {
///     http.call(request)
/// }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct AuthFuture<I: Service<Request<B>>, B, T: AsyncTransport, S, N: Acquire<T, S>> {
    inner: I,
    client: AsyncClient<T, S>,
    renew: N,
    state: State<B, I::Response, I::Future, N::Future>,
}

enum State<B, R, F, N> {
    /// The inner service gets the request as soon as it is ready.
    Ready(Call<B>),
    Sent(Pin<Box<F>>, SentCall<B>),
    Acquiring(Pin<Box<N>>, WaitingCall<B, ()>),
    /// The call has its response, and the rest is written to the store.
    Writing(Pin<Box<N>>, R),
    Ended,
}

impl<I, B, R, T, S, N> AuthFuture<I, B, T, S, N>
where
    I: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>>,
    T: AsyncTransport<Error: Into<BoxError>>,
    S: AsyncTokenStore,
    N: Acquire<T, S>,
{
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<Result<Response<R>, CallError<ServiceError, ()>>> {
        let client = &self.client;
        loop {
            self.state = match mem::replace(&mut self.state, State::Ended) {
                State::Ready(call) => match self.inner.poll_ready(context) {
                    Poll::Ready(ready) => {
                        ready.map_err(|error| not_sent(client.location(), error))?;
                        let (request, sent) = client.prepare(call)?;
                        State::Sent(Box::pin(self.inner.call(request)), sent)
                    }
                    Poll::Pending => {
                        self.state = State::Ready(call);
                        return Poll::Pending;
                    }
                },
                State::Sent(mut sending, call) => match sending.as_mut().poll(context) {
                    Poll::Ready(answer) => {
                        let (head, body) = answer.map_err(|error| unanswered(client.location(), error))?.into_parts();
                        let (next, unwritten) = client.call_answered(call, Response::from_parts(head, ()))?;
                        match (next, unwritten) {
                            (Next::Done(Ok(head)), unwritten) => {
                                let response = head.map(|()| body);
                                match unwritten.map(|unwritten| client.spawn(unwritten)) {
                                    None | Some(Ok(_)) => return Poll::Ready(Ok(response)),
                                    Some(Err(unwritten)) => {
                                        let writing = self.renew.renew(self.client.clone(), unwritten);
                                        State::Writing(Box::pin(writing), response)
                                    }
                                }
                            }
                            (Next::Done(Err(failure)), _) => {
                                return Poll::Ready(Err(CallError::new(failure, client.location(), None)));
                            }
                            (Next::Send(call), _) => State::Ready(call),
                            // The body is dropped here, so that its connection is free while the token is renewed.
                            (Next::Acquire(renewal, waiting), _) => {
                                State::Acquiring(Box::pin(self.renew.renew(self.client.clone(), renewal)), waiting)
                            }
                        }
                    }
                    Poll::Pending => {
                        self.state = State::Sent(sending, call);
                        return Poll::Pending;
                    }
                },
                State::Acquiring(mut renewing, waiting) => match renewing.as_mut().poll(context) {
                    Poll::Ready((result, transport)) => match waiting.acquired(result) {
                        Ok(call) => State::Ready(call),
                        Err(failure) => {
                            return Poll::Ready(Err(CallError::new(
                                failure,
                                client.location(),
                                transport.map(ServiceError::new),
                            )));
                        }
                    },
                    Poll::Pending => {
                        self.state = State::Acquiring(renewing, waiting);
                        return Poll::Pending;
                    }
                },
                State::Writing(mut writing, response) => match writing.as_mut().poll(context) {
                    Poll::Ready(_) => return Poll::Ready(Ok(response)),
                    Poll::Pending => {
                        self.state = State::Writing(writing, response);
                        return Poll::Pending;
                    }
                },
                // A caller that polls it after its end waits for ever.
                State::Ended => return Poll::Pending,
            };
        }
    }
}

impl<I, B, R, T, S, N> Future for AuthFuture<I, B, T, S, N>
where
    I: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>>,
    T: AsyncTransport<Error: Into<BoxError>>,
    S: AsyncTokenStore,
    N: Acquire<T, S>,
{
    type Output = Result<Response<R>, CallError<ServiceError, ()>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.advance(context).map_err(|error| {
            error.log(this.client.location(), ServiceError::kind);
            error
        })
    }
}

/// Each part that must not move is in a box of its own.
impl<I: Service<Request<B>>, B, T: AsyncTransport, S, N: Acquire<T, S>> Unpin for AuthFuture<I, B, T, S, N> {}

// Not derived: a derived impl would require a transport that is `Clone`.
impl<T, S, A: Clone, N: Clone> Clone for AuthLayer<T, S, A, N> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), again: self.again.clone(), renew: self.renew.clone() }
    }
}

impl<I: Clone, T, S, A: Clone, N: Clone> Clone for Auth<I, T, S, A, N> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<T, S, A, N> fmt::Debug for AuthLayer<T, S, A, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Shows nothing of the inner service.
impl<I, T, S, A, N> fmt::Debug for Auth<I, T, S, A, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("client", &self.layer.client).finish_non_exhaustive()
    }
}

/// Shows the step of the call, and nothing of the request.
impl<I: Service<Request<B>>, B, T: AsyncTransport, S, N: Acquire<T, S>> fmt::Debug for AuthFuture<I, B, T, S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Ready(..) => "AuthFuture::Ready",
            State::Sent(..) => "AuthFuture::Sent",
            State::Acquiring(..) => "AuthFuture::Acquiring",
            State::Writing(..) => "AuthFuture::Writing",
            State::Ended => "AuthFuture::Ended",
        })
    }
}
