//! A transport around another: it names the program to the service on every request, and passes the rest on.

mod support;

use std::error::Error;
use std::sync::{Arc, Mutex};

use http::{HeaderValue, Request, Response, header};
use location_auth::Bytes;
use location_auth::transports::ureq::Ureq;
use location_auth::transports::{Delivery, Transport, run};

struct Named<T> {
    inner: T,
    name: HeaderValue,
}

impl<T: Transport> Transport for Named<T> {
    type Error = T::Error;

    fn send(&self, mut request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, T::Error> {
        request.headers_mut().insert(header::USER_AGENT, self.name.clone());
        self.inner.send(request, limit)
    }

    // Without this an error that is no `SendError` would count as `Delivery::Unknown`, and `run_with_retries` would not try again where it could.
    fn delivery(&self, error: &T::Error) -> Delivery {
        self.inner.delivery(error)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = support::serve(Arc::new(Mutex::new(support::demo())), 0)?;
    let transport = Named { inner: Ureq::new(), name: HeaderValue::from_static("salon-sync/1.0") };
    let token = run(support::login(&format!("http://{address}"))?, &transport)?;
    println!("Logged in as salon-sync/1.0: a token of {}", token.location());
    Ok(())
}
