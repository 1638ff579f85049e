//! A transport of one's own held to the table: a wrapper that names the program to the service.

use std::process::ExitCode;

use conformance::{Subject, adapters, blocking};
use http::{HeaderValue, Request, Response};
use location_auth::Bytes;
use location_auth::transports::{Delivery, SendError, Transport};

struct Named<T>(T);

impl<T: Transport<Error = SendError>> Transport for Named<T> {
    type Error = SendError;

    fn send(&self, mut request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
        request.headers_mut().insert("user-agent", HeaderValue::from_static("salon-sync/1.0"));
        self.0.send(request, limit)
    }

    fn delivery(&self, error: &SendError) -> Delivery {
        self.0.delivery(error)
    }
}

fn main() -> ExitCode {
    let mine = Subject { name: "named ureq", client: |wishes| blocking(Named(adapters::ureq(wishes))) };
    conformance::run(&[mine], "")
}
