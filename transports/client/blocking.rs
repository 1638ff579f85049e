//! The client for blocking programs.

extern crate std;

use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, PoisonError};

use http::{Request, Response, StatusCode};
use location_auth::{Attempt, Flow, LocationAccessToken, LocationLogin, Misuse, RESPONSE_LIMIT, Replay, Session};

use super::super::{Transport, drivers, events};
use super::{CallError, Next, Shared};

/// A session and a blocking transport (`Q11`, `Q12`). Share it by reference among threads.
///
/// ```no_run
/// # #[cfg(feature = "ureq")]
/// # fn example(session: location_auth::Session) -> Result<(), Box<dyn std::error::Error>> {
/// use location_auth::transports::{client::Client, ureq::Ureq};
///
/// let client = Client::new(session, Ureq::new(), 1024 * 1024);
/// let call = http::Request::get("https://api.example.com/contacts").body(vec![])?;
/// let response = client.call(call)?;
/// # Ok(())
/// # }
/// ```
pub struct Client<T: Transport> {
    shared: Shared<T::Error>,
    transport: T,
    limit: usize,
    /// Held by the one who logs in.
    turn: Mutex<()>,
}

impl<T: Transport> Client<T> {
    /// `limit` is the longest body that a call's response may have, in bytes.
    pub fn new(session: Session, transport: T, limit: usize) -> Self {
        Self { shared: Shared::new(session), transport, limit, turn: Mutex::new(()) }
    }

    /// Hands over the owner's login, to be used when the token is rejected, and kept for as long as the client (`Q12`). Again, with new
    /// credentials, after a login was refused.
    ///
    /// # Errors
    /// [`Misuse::WrongLocation`] if it is not of the session's Location, [`Misuse::WrongEnvironment`] if not of its environment.
    pub fn log_in_with(&self, login: LocationLogin) -> Result<(), Misuse> {
        self.shared.hand_over(login)
    }

    /// The token that a login has come to since this was last asked, to be kept where the old one was: it lives for ever. There may be one
    /// though the call has failed that it was for. One that met a 401 and was replaced before it was asked for is not told any more.
    pub fn take_new_token(&self) -> Option<LocationAccessToken> {
        self.shared.take_new_token()
    }

    /// Makes a call: authorized, and once more after a 401 if there is a new token to be had (`Q11`).
    ///
    /// # Errors
    /// [`CallError`]. Any status is a response, but a 401 of a session with a token.
    pub fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        self.carry(request).inspect_err(|error| events::call_failed(self.shared.location.as_ref(), error))
    }

    fn carry(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let mut first = request.clone();
        let attempt = self.shared.authorize(&mut first)?;
        let response = self.send(first)?;
        if response.status() != StatusCode::UNAUTHORIZED || !self.shared.has_token() {
            return Ok(response);
        }
        let Some((replay, bought_by)) = self.new_token(attempt)? else {
            return Err(self.shared.token_rejected(response));
        };
        let mut again = request;
        self.shared.replay(replay, &mut again)?;
        events::call_replayed(self.shared.location.as_ref());
        let response = self.send(again)?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.shared.rejected_again(bought_by);
            return Err(self.shared.token_rejected(response));
        }
        Ok(response)
    }

    /// The leave to send the call again with a newer token, if there is one to be had, and which hand-over bought it.
    fn new_token(&self, attempt: Attempt) -> Result<Option<(Replay, u64)>, CallError<T::Error>> {
        let turn = match self.shared.rejected(attempt)? {
            Next::Replay { replay, bought_by } => return Ok(Some((replay, bought_by))),
            Next::Rejected => return Ok(None),
            Next::Wait(turn) => turn,
        };
        events::login_awaited(self.shared.location.as_ref());
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = self.shared.turn(turn)?;
        if let Next::Wait(_) = next {
            events::logging_in(self.shared.location.as_ref());
        }
        loop {
            let (flow, login) = match next {
                Next::Replay { replay, bought_by } => return Ok(Some((replay, bought_by))),
                Next::Rejected => return Ok(None),
                Next::Wait(login) => login,
            };
            events::step_started(&flow);
            let answer = self.transport.send(flow.request(), RESPONSE_LIMIT);
            let result = drivers::receive(flow, answer, |error| self.transport.delivery(error));
            next = self.shared.advance(login, result)?;
        }
    }

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let result = self.transport.send(request, self.limit).map_err(|error| {
            let delivery = self.transport.delivery(&error);
            CallError::Transport { error, delivery }
        });
        result.inspect(|response| events::call_answered(self.shared.location.as_ref(), response.status()))
    }
}

impl<T: Transport> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("session", &self.shared.lock().session).finish_non_exhaustive()
    }
}
