//! A transport that records the interactions of another transport.

extern crate std;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Request, Response, Uri};
use location_auth::Bytes;

use super::super::{AsyncTransport, Delivery, SendErrorKind, Transport};
use super::credentials::Credentials;
use super::json::Json;
use super::message::{received, sent};
use super::recording::{Cassette, written};

/// A transport that sends over another transport, blocking or async, and records each interaction that has a response.
///
/// Your program gets every response unchanged, even if the cassette withholds it. Interactions are in the order in which they began.
pub struct Recorder<T> {
    transport: T,
    keep: Box<Keep>,
    tape: Mutex<Tape>,
}

/// The program's function that returns which part of the body of a call's response to keep.
type Keep = dyn Fn(&Uri, &str) -> Option<String> + Send + Sync;

/// What was sent and received, as it was: a later request may show that a text of an earlier response is a credential.
struct Tape {
    credentials: Credentials,
    interactions: Vec<(Json, Option<Json>)>,
}

impl<T> Recorder<T> {
    /// Makes a recorder over the transport.
    pub fn new(transport: T, credentials: Credentials) -> Self {
        let tape = Mutex::new(Tape { credentials, interactions: Vec::new() });
        Self { transport, keep: Box::new(|_, _| None), tape }
    }

    /// Sets a function that returns which part of a response's body to record for a call. It gets the call's URI and the body, and returns JSON, of
    /// which credentials are removed, or an empty text. Anything else is withheld. Without the function no such body is recorded, because it holds
    /// people's data, and a replay of the call is an error.
    #[must_use]
    pub fn keep_bodies(self, keep: impl Fn(&Uri, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { keep: Box::new(keep), ..self }
    }

    /// Returns what has been recorded so far, without any credential that was known or seen until now.
    pub fn cassette(&self) -> Cassette {
        let tape = self.tape();
        let answered = tape.interactions.iter().filter_map(|(sent, received)| Some([sent, received.as_ref()?]));
        Cassette { interactions: answered.map(|both| both.map(|json| written(json, &tape.credentials))).collect() }
    }

    /// Takes up a request, and returns what takes up its response.
    fn begin(&self, request: &Request<Bytes>) -> impl FnOnce(&Response<Vec<u8>>) + use<'_, T> {
        let (sent, uri, mut tape) = (sent(request), request.uri().clone(), self.tape());
        // Step 2 has a User Access Token and asks for a Location Access Token, which a call has.
        let body = sent.member("json");
        let is_first = body.is_some_and(|body| body.member("email").is_some());
        let has = if body.is_some() { "user-token" } else { "location-token" };
        let issues = if is_first { "user-token" } else { "location-token" };
        let is_call = body.is_none();
        tape.credentials.learn_from(has, &sent, true);
        tape.credentials.learn_from(has, &Json::of_body(request.body()), false);
        let place = tape.interactions.len();
        tape.interactions.push((sent, None));
        move |response| {
            // The program's function is called without the lock.
            let keep = |body: &str| if is_call { (self.keep)(&uri, body) } else { Some(body.into()) };
            let received = received(response, !is_call && response.status().is_success(), &keep);
            let mut tape = self.tape();
            tape.credentials.learn_from(issues, &Json::of_body(response.body()), false);
            if let Some((_, entry)) = tape.interactions.get_mut(place) {
                *entry = Some(received);
            }
        }
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blocking and the async half.
macro_rules! both {
    ($($Transport:ident $($asynchronous:ident $wait:ident)?;)*) => {$(
        impl<T: $Transport> $Transport for Recorder<T> {
            type Error = T::Error;

            $($asynchronous)?
            fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, T::Error> {
                let end = self.begin(&request);
                let response = self.transport.send(request, limit)$(.$wait)??;
                end(&response);
                Ok(response)
            }

            fn delivery(&self, error: &T::Error) -> Delivery {
                self.transport.delivery(error)
            }

            fn kind(&self, error: &T::Error) -> SendErrorKind {
                self.transport.kind(error)
            }
        }
    )*};
}
both! { Transport; AsyncTransport async await; }

/// Shows nothing of the transport, which may hold secrets.
impl<T> fmt::Debug for Recorder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("credentials", &self.tape().credentials).finish_non_exhaustive()
    }
}
