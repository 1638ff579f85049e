//! A transport that responds from a script, and fails the test if the program does not follow it.

extern crate std;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use location_auth::transports::{AsyncTransport, SendError, Transport, prepare};
use location_auth::{Bytes, Redacted};

use super::bounded;
use super::failing::failure;
use super::interaction::{Answer, Interaction};

/// A blocking and async transport that responds from a script, in its order. It checks each request and keeps it.
///
/// It panics, and so fails the test, in three cases: a request differs from the script, there is no interaction left for a request, or interactions are
/// left when the transport is dropped. The message says what differs, and shows no value that could be a secret. If the program catches
/// the panic, the transport panics again when it is dropped. Keep a clone in the test itself: a runtime hides the panics of its tasks.
///
/// It holds an `Arc`: clones share the script.
///
/// ```
/// use location_auth::testing::{Interaction, Scripted};
/// use location_auth::transports::run;
#[doc = include_str!("../../src/doctest_app.txt")]
///
/// let service = Scripted::new([
///     Interaction::post("/user_token").member("password", "hunter2").respond(200, r#"{"access_token": "u-1"}"#),
///     Interaction::post("/locations/loc-1/token").header("authorization", "Bearer u-1").respond(200, r#"{"access_token": "l-1"}"#),
/// ]);
/// let token = run(app.location("loc-1")?.login("owner@example.com", "hunter2")?, &service)?;
/// assert_eq!(token.expose_secret(), "l-1");
/// assert_eq!(service.sent().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Scripted(Arc<Script>);

struct Script(Mutex<State>);

struct State {
    left: VecDeque<Interaction>,
    sent: Vec<Request<Bytes>>,
    failed: Option<String>,
}

impl Scripted {
    /// Makes a transport that expects these interactions, one after another.
    pub fn new(interactions: impl IntoIterator<Item = Interaction>) -> Self {
        let left = interactions.into_iter().collect();
        Self(Arc::new(Script(Mutex::new(State { left, sent: Vec::new(), failed: None }))))
    }

    /// Returns the requests so far, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.0.state().sent.iter().cloned().map(Sent).collect()
    }

    fn answer(&self, mut request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
        let length = request.body().len();
        prepare(&mut request, Some(length))?;
        let answer = self.0.state().answer(request);
        match answer {
            Ok(Answer::Response(response)) => bounded(response, limit),
            Ok(Answer::Failure(delivery)) => Err(failure(delivery)),
            Err(difference) => panic!("{difference}"),
        }
    }
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the next response, or the message that fails the test.
    fn answer(&mut self, request: Request<Bytes>) -> Result<Answer, String> {
        let number = self.sent.len().saturating_add(1);
        let sent = Redacted(&request).to_string();
        let answer = match self.left.pop_front() {
            None => Err(format!("request {number} is one too many, the script has no interaction left for it: {sent}")),
            Some(interaction) => match interaction.differences(&request) {
                differences if differences.is_empty() => Ok(interaction.answer),
                differences => Err(format!(
                    "request {number} is not what the script expects: {}\n  expected {interaction:?}\n  sent     {sent}",
                    differences.join(", ")
                )),
            },
        };
        self.sent.push(request);
        if let Err(difference) = &answer {
            self.failed.get_or_insert_with(|| difference.clone());
        }
        answer
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let state = self.state();
        let problem = state.failed.clone().or_else(|| {
            let next = state.left.front()?;
            let (left, sent) = (state.left.len(), state.sent.len());
            Some(format!(
                "the script has interactions left over, {left} after {sent} requests; the next is for {next:?}"
            ))
        });
        drop(state);
        if let Some(problem) = problem {
            panic!("{problem}");
        }
    }
}

impl Transport for Scripted {
    type Error = SendError;

    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, SendError> {
        self.answer(request, limit)
    }
}

impl AsyncTransport for Scripted {
    type Error = SendError;

    fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, SendError>> {
        ready(self.answer(request, limit))
    }
}

/// Shows how many requests were sent and how many are left, and nothing of them.
impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("Scripted")
            .field("sent", &state.sent.len())
            .field("left", &state.left.len())
            .finish_non_exhaustive()
    }
}

/// A request that a [`Scripted`] received. `Debug` and `Display` show it as [`Redacted`] does.
///
/// ```
/// use location_auth::Bytes;
/// use location_auth::testing::{Interaction, Scripted};
/// use location_auth::transports::Transport;
///
/// let service = Scripted::new([Interaction::any()]);
/// let request = http::Request::get("https://api.example.com/").header("x-api-key", "k-12").body(Bytes::new())?;
/// service.send(request, 0)?;
/// let sent = &service.sent()[0];
/// assert_eq!(sent.to_string(), "GET https://api.example.com/ x-api-key: …");
/// assert!(sent.expose_request().headers()["x-api-key"] == "k-12");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sent(Request<Bytes>);

impl Sent {
    /// Returns the request as it was sent, with its secrets. Its own `Debug` shows them, and so does an `assert_eq!` that fails.
    #[must_use]
    pub fn expose_request(&self) -> &Request<Bytes> {
        &self.0
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Redacted(&self.0), f)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
