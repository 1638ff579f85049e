//! The target of a user's own program: for any responses, it ends, sends no more than it should, and shows no secret.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;

use http::{Request, StatusCode};
use location_auth::testing::{Network, NetworkFault};
use location_auth::transports::{RESPONSE_LIMIT, Transport, run};
use location_auth::{App, Bytes, Session};
use serde_json::Value;

use super::input::{API_KEY, CLIENT_SECRET, EMAIL, Input, PASSWORD, app, shows_none};

/// The program: it logs in and counts the contacts.
fn contacts<T: Transport>(app: &App, transport: &T) -> Result<usize, String> {
    let login = app.location("loc-1").and_then(|location| location.login(EMAIL, PASSWORD));
    let token = run(login.map_err(|misuse| misuse.to_string())?, transport).map_err(|stopped| stopped.to_string())?;
    let session = Session::for_location(app, token).map_err(|misuse| misuse.to_string())?;
    let mut call = Request::get("https://api.example.com/contacts").body(Bytes::new()).map_err(|_| "not a URL")?;
    session.authorize(&mut call).map_err(|misuse| misuse.to_string())?;
    let response = transport.send(call, RESPONSE_LIMIT).map_err(|_| "no response")?;
    if response.status() != StatusCode::OK {
        return Err(format!("no contacts: {}", response.status()));
    }
    // Not serde_json's own message, which can quote the body.
    let body: Value = serde_json::from_slice(response.body()).map_err(|_| "the contacts are not JSON")?;
    body["contacts"].as_array().map(Vec::len).ok_or_else(|| "a response without contacts".to_owned())
}

/// One response after another, as the bytes say, for any request of the program's: directly, and over a network of faults.
pub fn own_handling(data: &[u8]) {
    let (input, requests) = (RefCell::new(Input(data)), Cell::new(0));
    let transport = |_request, _limit| {
        requests.set(requests.get() + 1);
        Ok::<_, Infallible>(input.borrow_mut().response())
    };
    match contacts(&app(), &transport) {
        Ok(_) => assert_eq!(requests.get(), 3),
        Err(line) => {
            assert!(requests.get() <= 3, "{line:?}");
            shows_no_secret(&line, requests.get());
        }
    }
    requests.set(0);
    let seed = data.iter().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    input.replace(Input(data));
    let network = Network::new(seed, transport);
    network.enable_faults(NetworkFault::ALL, 5);
    if let Err(line) = contacts(&app(), &network) {
        shows_no_secret(&line, 2);
    }
    assert!(requests.get() <= 6, "each request arrives twice at most");
    shows_none(&network.trace(), &[API_KEY, CLIENT_SECRET, EMAIL, PASSWORD]);
}

fn shows_no_secret(line: &str, requests: u32) {
    assert!(!line.contains('\n'), "{line:?}");
    // A service that knows the owner's password can repeat it in a later response, where the crate no longer looks for it.
    let request_secrets = [API_KEY, CLIENT_SECRET, EMAIL, PASSWORD];
    shows_none(line, if requests == 1 { &request_secrets } else { &request_secrets[..2] });
}
