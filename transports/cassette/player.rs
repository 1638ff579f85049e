//! A transport that answers with the recorded responses.

extern crate std;

use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use location_auth::Bytes;

use super::super::{AsyncTransport, Delivery, Transport};
use super::credentials::Credentials;
use super::error::CassetteError;
use super::recording::Cassette;
use super::request::{Difference, Sent};
use super::response::Body;

/// A blocking and async transport that answers each request with its recorded response. If a request differs from the recorded one, it
/// returns an error.
///
/// It compares the method, the path, the names in the query, `accept`, `content-type`, the body of a token request, and each credential in its
/// place. The credentials may differ from the recorded ones. The tokens that it issues are the placeholders themselves.
///
/// ```
/// use location_auth::transports::cassette::{Cassette, CassetteError, Credentials, Player};
/// use location_auth::transports::run;
#[doc = include_str!("../../src/doctest_app.txt")]
/// # let recorded = |_: http::Request<location_auth::Bytes>, _: usize| {
/// #     Ok::<_, std::io::Error>(http::Response::new(br#"{"access_token": "u-7f3a"}"#.to_vec()))
/// # };
/// # let recorder = location_auth::transports::cassette::Recorder::new(recorded, Credentials::new(&app));
/// # run(app.user_login("owner@example.com", "hunter2")?, &recorder)?;
/// # let file = recorder.cassette().to_string();
///
/// let cassette: Cassette = file.parse()?;
/// let player = Player::new(cassette, Credentials::new(&app).login("made-up@example.com", "made up"));
/// let user = run(app.user_login("made-up@example.com", "made up")?, &player)?;
/// assert_eq!(user.expose_secret(), "<user-token-1>");
/// player.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Player {
    cassette: Cassette,
    state: Mutex<State>,
}

struct State {
    credentials: Credentials,
    next: usize,
}

impl Player {
    /// Makes a transport that answers from the first interaction of the cassette on.
    pub fn new(cassette: Cassette, credentials: Credentials) -> Self {
        Self { cassette, state: Mutex::new(State { credentials, next: 0 }) }
    }

    /// Checks at the end of a test that all recorded requests were sent.
    ///
    /// # Errors
    /// [`CassetteError::Missing`] if not all recorded requests were sent.
    pub fn finish(&self) -> Result<(), CassetteError> {
        let next = self.state().next;
        let left = self.cassette.interactions.get(next..).unwrap_or_default();
        match left.first() {
            None => Ok(()),
            Some(first) => Err(CassetteError::Missing {
                count: left.len(),
                number: next.saturating_add(1),
                line: first.request.line(),
            }),
        }
    }

    fn answer(&self, request: &Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, CassetteError> {
        let sent = Sent::new(request);
        let mut state = self.state();
        let number = state.next.saturating_add(1);
        let line = || sent.struck(&state.credentials).line();
        let mut recorded = self.cassette.interactions.iter().enumerate().skip(state.next);
        let Some((_, interaction)) = recorded.next() else {
            return Err(CassetteError::Surplus { number, line: line() });
        };
        if let Some(Difference { part, sent: shown, recorded: own }) =
            interaction.request.difference(&sent, &state.credentials)
        {
            let later = recorded.find(|(_, later)| later.request.difference(&sent, &state.credentials).is_none());
            return Err(match later {
                Some((later, _)) => {
                    CassetteError::OutOfOrder { number, line: line(), recorded: later.saturating_add(1) }
                }
                None => CassetteError::Differs { number, part, sent: shown, recorded: own },
            });
        }
        if let Body::Withheld(reason) = &interaction.response.body {
            if sent.asks_for().is_some() && (200..300).contains(&interaction.response.status) {
                return Err(CassetteError::Withheld { number, reason: reason.clone() });
            }
        }
        let response = interaction.response.filled(&mut state.credentials);
        if response.body().len() > limit {
            return Err(CassetteError::TooLarge { number });
        }
        state.next = number;
        Ok(response)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Player {
    type Error = CassetteError;

    fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, CassetteError> {
        self.answer(&request, limit)
    }

    /// Returns [`Delivery::Unsendable`]: nothing is ever sent, and the same request would fail in the same way.
    fn delivery(&self, _: &CassetteError) -> Delivery {
        Delivery::Unsendable
    }
}

impl AsyncTransport for Player {
    type Error = CassetteError;

    async fn send(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Vec<u8>>, CassetteError> {
        self.answer(&request, limit)
    }

    /// Returns [`Delivery::Unsendable`], as the blocking one does.
    fn delivery(&self, _: &CassetteError) -> Delivery {
        Delivery::Unsendable
    }
}

/// Shows how many interactions there are, and which is next.
impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player")
            .field("cassette", &self.cassette)
            .field("next", &self.state().next)
            .finish_non_exhaustive()
    }
}
