//! What a program puts into a request's extensions reaches its own transport: a trace's context, a label for a cache, a priority.
#![cfg(all(feature = "client", feature = "emulator"))]

#[path = "support/now.rs"]
mod now;
#[path = "support/test_service.rs"]
mod test_service;

use std::convert::Infallible;
use std::future::ready;
use std::sync::Mutex;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use location_auth::driver::Call;
use location_auth::transports::client::{AsyncClient, Client, NoStore};
use location_auth::{Backoff, Bytes};
use now::now;
use test_service::{PASSWORD, TestService, call, is_login};

#[derive(Clone, Debug, PartialEq)]
struct TraceId(u32);

/// Carries requests to the service, and notes what extension each has.
#[derive(Default)]
struct Noted(Mutex<Vec<(bool, Option<TraceId>)>>);

impl Noted {
    fn carry(&self, service: &TestService, request: Request<Bytes>) -> Result<Response<Vec<u8>>, Infallible> {
        let trace = request.extensions().get::<TraceId>().cloned();
        self.0.lock().unwrap().push((is_login(&request), trace));
        Ok(service.handle(request))
    }

    /// Of the calls; a token request has none.
    fn traces(self) -> Vec<TraceId> {
        let (logins, calls): (Vec<_>, Vec<_>) = self.0.into_inner().unwrap().into_iter().partition(|noted| noted.0);
        assert!(logins.iter().all(|(_, trace)| trace.is_none()), "a token request carries a call's extension");
        calls.into_iter().map(|(_, trace)| trace.expect("each call has its extension")).collect()
    }
}

fn traced(number: u32) -> Request<Bytes> {
    let mut request = call(1);
    request.extensions_mut().insert(TraceId(number));
    request
}

#[test]
fn a_calls_extensions_reach_the_transport_also_with_its_repeat_after_a_401() {
    let (service, noted) = (TestService::new(), Noted::default());
    let transport = |request, _limit| noted.carry(&service, request);
    let client = Client::with_owner(service.revoked_session(), service.owner(PASSWORD), transport, NoStore);
    assert_eq!(client.call(traced(7)).unwrap().status(), StatusCode::OK);
    drop(client);
    let transport = |request, _limit| ready(noted.carry(&service, request));
    let client = AsyncClient::with_owner(service.revoked_session(), service.owner(PASSWORD), transport, NoStore);
    assert_eq!(now(client.call(traced(8))).unwrap().status(), StatusCode::OK);
    drop(client);
    // One that is built again has those that it was built with.
    let transport = |request, _limit| noted.carry(&service, request);
    let client = Client::with_owner(service.revoked_session(), service.owner(PASSWORD), &transport, NoStore);
    let call = Call::repeating(traced(9), Some(traced(10)));
    let response = client.call_with(call, |request| noted.carry(&service, request)).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    drop(client);
    assert_eq!(noted.traces(), [7, 7, 8, 8, 9, 10].map(TraceId));
}

#[test]
fn a_call_that_waits_out_a_429_carries_its_extensions_again() {
    let (service, noted, busy) = (TestService::new(), Noted::default(), Mutex::new(true));
    let transport = |request, _limit| {
        let response = noted.carry(&service, request)?;
        let busy = std::mem::take(&mut *busy.lock().unwrap());
        Ok::<_, Infallible>(if busy { Response::builder().status(429).body(vec![]).unwrap() } else { response })
    };
    let client = Client::new(service.session(), transport);
    let backoff = Backoff::new(3, Duration::ZERO, Duration::ZERO);
    assert_eq!(client.call_with_retries(traced(7), backoff, |_| {}).unwrap().status(), StatusCode::OK);
    drop(client);
    assert_eq!(noted.traces(), [TraceId(7), TraceId(7)]);
}
