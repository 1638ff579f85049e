//! The adapters and the drivers, compiled from outside the crate: whatever they use of the core is public, or this does not build.

#![no_std]

extern crate alloc;

#[path = "../../../src/testing/mod.rs"]
pub mod testing;
#[path = "../../../transports/mod.rs"]
pub mod transports;

// What the files' documentation links to as its own crate's.
#[doc(no_inline)]
pub use location_auth::{StrikeOut, driver, strike_out};

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use http::{Request, Response};
    use location_auth::{App, Bytes, Environment, Settings};

    use crate::transports::{Delivery, SendError, SendErrorKind, Transport, run, ureq::Ureq};

    #[test]
    fn a_login_runs_over_traits_of_our_own() {
        let app = App::new(
            Settings::new(Environment::Staging)
                .user_token_url("https://api.example.com/user_token")
                .location_token_url("https://api.example.com/locations/{location_id}/token")
                .api_key("k-12")
                .client_id("c-34")
                .client_secret("s-56"),
        )
        .unwrap();
        let step = Cell::new(0);
        let transport = |_: Request<Bytes>, _: usize| -> Result<_, SendError> {
            let body = [&br#"{"access_token": "u-1"}"#[..], br#"{"access_token": "l-1"}"#][step.replace(1)];
            Ok(Response::new(body.to_vec()))
        };
        let login = app.location("loc-1").unwrap().login("owner@example.com", "hunter2").unwrap();
        assert_eq!(run(login, &transport).unwrap().expose_secret(), "l-1");
    }

    #[test]
    fn an_adapter_of_our_own_refuses_to_send_in_the_clear() {
        let request = Request::get("http://api.example.com/").body(Bytes::new()).unwrap();
        let error = Ureq::new().send(request, 0).unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (SendErrorKind::Insecure, Delivery::Unsendable));
    }
}
