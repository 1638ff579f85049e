//! Calls over hyper-util's client, with the token layer among tower's own: the program's state names all of it as one type.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use location_auth::Bytes;
use location_auth::transports::client::{AsyncClient, CallError, tower::ServiceError};
use over_tower::{TestService, TokenLine};
use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};

/// A service whose type has a name, for a field of the program's state.
type Contacts = BoxCloneSyncService<Request<Full<Bytes>>, Response<hyper::body::Incoming>, CallError<ServiceError, ()>>;

fn contacts(client: &AsyncClient<TokenLine>, http: Client<HttpConnector, Full<Bytes>>) -> Contacts {
    let layers = ServiceBuilder::new()
        .layer(client.layer()) // a clone of the body is sent again after a 401
        .layer(ConcurrencyLimitLayer::new(8)) // a call that waits for a new token does not count
        .layer(TimeoutLayer::new(Duration::from_secs(30))); // for each send
    BoxCloneSyncService::new(layers.service(http))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let api = TestService::new(&format!("http://{}", listener.local_addr()?));
    tokio::spawn(axum::serve(listener, api.router()).into_future());

    let contacts = contacts(&api.client(), Client::builder(TokioExecutor::new()).build_http());
    let call = Request::get(api.url()).body(Full::<Bytes>::default())?;
    // The token was revoked: each of these meets a 401.
    let calls: Vec<_> = (0..10).map(|_| tokio::spawn(contacts.clone().oneshot(call.clone()))).collect();
    for call in calls {
        match call.await? {
            Ok(response) => assert_eq!(response.status(), 200),
            Err(error @ CallError::NotRepeated { .. }) => println!("make it again: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    println!("10 calls are answered, after {} token request", api.token_requests());
    Ok(())
}
