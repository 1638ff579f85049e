//! A transport that records the interactions of another transport.

extern crate std;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Request, Response, Uri};
use location_auth::Bytes;
use zeroize::Zeroizing;

use super::super::{AsyncTransport, Delivery, SendErrorKind, Transport};
use super::credentials::{Credentials, Kind};
use super::recording::{Cassette, Interaction};
use super::request::Sent;
use super::response::{Body, Keep, ResponseRecord, kept};

/// A transport that sends over another transport, blocking or async, and records each interaction that has a response.
///
/// Your program gets every response unchanged, even if the cassette withholds it. Interactions are in the order in which they began. If a
/// request has a credential that the recorder was not given, the recorder learns it from the request.
///
/// ```
/// use http::{Request, Response};
/// use location_auth::transports::cassette::{Credentials, Recorder};
/// use location_auth::transports::run;
#[doc = include_str!("../../src/doctest_app.txt")]
///
/// let transport = |_: Request<location_auth::Bytes>, _limit: usize| {
///     Ok::<_, std::io::Error>(Response::new(br#"{"access_token": "u-7f3a"}"#.to_vec()))
/// };
/// let recorder = Recorder::new(transport, Credentials::new(&app).login("owner@example.com", "hunter2"));
/// run(app.user_login("owner@example.com", "hunter2")?, &recorder)?;
///
/// let text = recorder.cassette().to_string();
/// assert!(text.contains(r#""password": "<password>""#) && text.contains(r#""access_token": "<user-token-1>""#));
/// assert!(!text.contains("hunter2") && !text.contains("u-7f3a"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Recorder<T> {
    transport: T,
    keep: Option<Box<Keep>>,
    tape: Mutex<Tape>,
}

/// What was sent and received, as it was: a later request may show that a text of an earlier response is a credential.
struct Tape {
    credentials: Credentials,
    interactions: Vec<(Sent, Option<Received>)>,
}

enum Received {
    Token(Kind, Response<Zeroizing<Vec<u8>>>),
    Call(Response<()>, Body),
}

/// An interaction that has begun.
struct Begun {
    place: usize,
    uri: Uri,
    asks_for: Option<Kind>,
}

impl<T> Recorder<T> {
    /// Makes a recorder over the transport.
    pub fn new(transport: T, credentials: Credentials) -> Self {
        Self { transport, keep: None, tape: Mutex::new(Tape { credentials, interactions: Vec::new() }) }
    }

    /// Sets a function that returns which part of a response's body to record for a call. It gets the call's URI and the body. Without it no such
    /// body is recorded, because it holds people's data. Credentials are removed from the result, too. If it is JSON, it is written as JSON.
    ///
    /// ```
    /// use location_auth::transports::Transport;
    /// use location_auth::transports::cassette::{Credentials, Recorder};
    ///
    /// fn record<T: Transport>(transport: T, credentials: Credentials) -> Recorder<T> {
    ///     // Keeps how many contacts there are, and nobody's name.
    ///     Recorder::new(transport, credentials).keep_bodies(|uri, body| match uri.path() {
    ///         "/contacts/count" => Some(body.to_owned()),
    ///         _ => None,
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn keep_bodies(self, keep: impl Fn(&Uri, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { keep: Some(Box::new(keep)), ..self }
    }

    /// Returns what has been recorded so far, without any credential that was known or seen until now.
    pub fn cassette(&self) -> Cassette {
        let tape = self.tape();
        let mut credentials = tape.credentials.clone();
        let answered = tape.interactions.iter().filter_map(|(sent, received)| Some((sent, received.as_ref()?)));
        let interactions = answered.map(|(sent, received)| Interaction {
            request: sent.struck(&tape.credentials),
            response: match received {
                Received::Token(kind, response) => ResponseRecord::of_token(*kind, response, &mut credentials),
                Received::Call(head, kept) => ResponseRecord::of_call(head, kept, &tape.credentials),
            },
        });
        Cassette { interactions: interactions.collect() }
    }

    fn begin(&self, request: &Request<Bytes>) -> Begun {
        let sent = Sent::new(request);
        let mut tape = self.tape();
        for (kind, value) in sent.credentials() {
            tape.credentials.learn(kind, value);
        }
        let (place, asks_for) = (tape.interactions.len(), sent.asks_for());
        tape.interactions.push((sent, None));
        Begun { place, uri: request.uri().clone(), asks_for }
    }

    fn end(&self, begun: Begun, response: &Response<Vec<u8>>) {
        // The program's function is called without the lock.
        let received = match begun.asks_for {
            Some(kind) => Received::Token(kind, response.clone().map(Zeroizing::new)),
            None => {
                let mut head = Response::new(());
                *head.status_mut() = response.status();
                head.headers_mut().clone_from(response.headers());
                Received::Call(head, kept(&begun.uri, response, self.keep.as_deref()))
            }
        };
        let mut tape = self.tape();
        if let Received::Token(kind, response) = &received {
            // It learns the token, so that the next one gets the next number.
            ResponseRecord::of_token(*kind, response, &mut tape.credentials);
        }
        if let Some((_, place)) = tape.interactions.get_mut(begun.place) {
            *place = Some(received);
        }
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Transport> Transport for Recorder<T> {
    type Error = T::Error;

    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, T::Error> {
        let begun = self.begin(&request);
        let response = self.transport.send(request, limit)?;
        self.end(begun, &response);
        Ok(response)
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.transport.delivery(error)
    }

    fn kind(&self, error: &T::Error) -> SendErrorKind {
        self.transport.kind(error)
    }
}

impl<T: AsyncTransport> AsyncTransport for Recorder<T> {
    type Error = T::Error;

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, T::Error> {
        let begun = self.begin(&request);
        let response = self.transport.send(request, limit).await?;
        self.end(begun, &response);
        Ok(response)
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.transport.delivery(error)
    }

    fn kind(&self, error: &T::Error) -> SendErrorKind {
        self.transport.kind(error)
    }
}

/// Shows nothing of the transport, which may hold secrets.
impl<T> fmt::Debug for Recorder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tape = self.tape();
        f.debug_struct("Recorder").field("credentials", &tape.credentials).finish_non_exhaustive()
    }
}
