//! Over hyper-util's pooled client, with a connector of your own: a closure is all it takes.
//!
//! No adapter of the crate's is used, so the contract of `location_auth::transports` is the closure's to keep.

mod support;

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use location_auth::transports::{Cause, prepare, run_async};
use location_auth::{LocationAccessToken, LocationLogin};
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let address = support::serve(Arc::new(Mutex::new(support::demo())), 0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let token = runtime.block_on(log_in(support::login(&format!("http://{address}"))?))?;
    println!("Logged in over hyper-util's client: a token of {}", token.location());
    Ok(())
}

async fn log_in(login: LocationLogin) -> Result<LocationAccessToken, Failure> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true); // or the system holds small packets back, by 40 ms and more
    // It follows no redirect, and sends nothing again that a connection has taken.
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let transport = |mut request: Request<Bytes>, limit: usize| {
        let client: Client<HttpConnector, Full<Bytes>> = client.clone();
        async move {
            let length = request.body().len();
            prepare(&mut request, Some(length))?;
            let whole = async {
                let (parts, body) = client.request(request.map(Full::from)).await?.into_parts();
                let body = Limited::new(body, limit).collect().await?.to_bytes().to_vec();
                Ok::<_, Failure>(Response::from_parts(parts, body))
            };
            timeout(Duration::from_secs(30), whole).await?
        }
    };
    // `Box<dyn Error>` does not implement `Error`, so a `RunError` with one does not either: this returns its text.
    run_async(login, &transport).await.map_err(|stopped| match &stopped.cause {
        Cause::Transport { error, .. } => format!("{stopped}: {error}").into(),
        _ => stopped.to_string().into(),
    })
}
