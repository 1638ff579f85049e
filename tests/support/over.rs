//! What a call is made with: the async client itself, or the tower layer over a service that carries requests as the client's transport
//! does. So the same test runs over both, and compares the same errors.
#![allow(dead_code)]

use http::{Request, Response};
use location_auth::Bytes;
use location_auth::transports::AsyncTransport;
use location_auth::transports::client::{AsyncClient, AsyncTokenStore, CallError};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Over {
    Client,
    #[cfg(feature = "tower")]
    Layer,
}

pub const OVER: &[Over] = &[
    Over::Client,
    #[cfg(feature = "tower")]
    Over::Layer,
];

impl Over {
    /// `transport` is a clone of the client's own.
    pub async fn call<T, S>(
        self,
        client: &AsyncClient<T, S>,
        transport: &T,
        request: Request<Bytes>,
    ) -> Result<Response<Vec<u8>>, CallError<T::Error>>
    where
        T: AsyncTransport<Error: std::error::Error + Send + Sync + 'static>,
        S: AsyncTokenStore,
    {
        match self {
            Self::Client => client.call(request).await,
            #[cfg(feature = "tower")]
            Self::Layer => layer::call(client, transport, request).await,
        }
    }
}

#[cfg(feature = "tower")]
mod layer {
    use std::error::Error;
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use location_auth::Delivery;
    use location_auth::transports::{SendError, client::tower::ServiceError};
    use tower_layer::Layer;
    use tower_service::Service;

    use super::*;

    pub async fn call<T, S>(
        client: &AsyncClient<T, S>,
        transport: &T,
        request: Request<Bytes>,
    ) -> Result<Response<Vec<u8>>, CallError<T::Error>>
    where
        T: AsyncTransport<Error: Error + Send + Sync + 'static>,
        S: AsyncTokenStore,
    {
        let mut service = client.layer().layer(Carrier { transport, is_ready: false });
        let called = async {
            poll_fn(|context| service.poll_ready(context)).await?;
            service.call(request).await
        };
        called.await.map_err(|error| as_the_clients(error, transport))
    }

    /// A transport as a service. It holds its caller to tower's contract.
    struct Carrier<'a, T> {
        transport: &'a T,
        is_ready: bool,
    }

    impl<T> Clone for Carrier<'_, T> {
        fn clone(&self) -> Self {
            Self { transport: self.transport, is_ready: false }
        }
    }

    impl<'a, T: AsyncTransport> Service<Request<Bytes>> for Carrier<'a, T> {
        type Response = Response<Vec<u8>>;
        type Error = T::Error;
        type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, T::Error>> + 'a>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
            self.is_ready = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Bytes>) -> Self::Future {
            assert!(std::mem::take(&mut self.is_ready), "the service is called before it is ready");
            Box::pin(self.transport.send(request, 1024 * 1024))
        }
    }

    /// By the error of an inner service the layer can't tell whether its request has left, but where the error is ours. The client asks its
    /// transport.
    fn as_the_clients<T>(error: CallError<ServiceError, ()>, transport: &T) -> CallError<T::Error>
    where
        T: AsyncTransport<Error: Error + 'static>,
    {
        let own = |error: ServiceError| *error.into_inner().downcast::<T::Error>().expect("the transport's own error");
        let whole = |head: Box<Response<()>>| Box::new(head.map(|()| vec![]));
        match error {
            CallError::Misuse(misuse) => CallError::Misuse(misuse),
            CallError::Transport { location, error, delivery } => {
                let is_ours = error.inner().is::<SendError>();
                let error = own(error);
                let known = transport.delivery(&error);
                assert_eq!(delivery, if is_ours { known } else { Delivery::Unknown });
                CallError::Transport { location, error, delivery: known }
            }
            CallError::TokenRejected { response, error, transport } => {
                CallError::TokenRejected { response: whole(response), error, transport: transport.map(own) }
            }
            CallError::NoToken { error, transport } => CallError::NoToken { error, transport: transport.map(own) },
            CallError::NotRepeated { location, response } => {
                CallError::NotRepeated { location, response: whole(response) }
            }
            other => panic!("{other:?}"),
        }
    }
}
