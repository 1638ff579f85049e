//! The client for async programs, with any runtime or none.

use alloc::vec::Vec;
use async_lock::Mutex;
use core::fmt;

use http::{Request, Response, StatusCode};
use location_auth::{Attempt, Flow, LocationAccessToken, LocationLogin, Misuse, RESPONSE_LIMIT, Replay, Session};

use super::super::{AsyncTransport, drivers, events};
use super::{CallError, Next, Shared};

/// A session and an async transport (`Q11`, `Q12`). Share it by reference among tasks: its futures are `Send` where the
/// transport and its futures are.
///
/// Dropping a call's future in the middle of a login lets the next caller log in, from the step that was reached. Whether the request
/// in flight arrived is then open (`Q10`), and the next caller sends it again: a time-out of yours around each call that is shorter than what
/// the service takes to refuse a password has each of them send the wrong one, and may lock the account. So give the transport the
/// shorter time-out. A future that is kept but not polled, on the other hand, keeps its turn: who waits for the same login waits for it.
///
/// ```no_run
/// # async fn example<T: location_auth::transports::AsyncTransport>(session: location_auth::Session, transport: T)
/// # -> Result<(), Box<dyn std::error::Error>> where T::Error: std::error::Error + 'static {
/// use location_auth::transports::client::AsyncClient;
///
/// let client = AsyncClient::new(session, transport, 1024 * 1024);
/// let call = http::Request::get("https://api.example.com/contacts").body(vec![])?;
/// let response = client.call(call).await?;
/// # Ok(())
/// # }
/// ```
pub struct AsyncClient<T: AsyncTransport> {
    shared: Shared<T::Error>,
    transport: T,
    limit: usize,
    /// Held by the one who logs in.
    turn: Mutex<()>,
}

impl<T: AsyncTransport> AsyncClient<T> {
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
    pub async fn call(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        self.carry(request).await.inspect_err(|error| events::call_failed(self.shared.location.as_ref(), error))
    }

    async fn carry(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let mut first = request.clone();
        let attempt = self.shared.authorize(&mut first)?;
        let response = self.send(first).await?;
        if response.status() != StatusCode::UNAUTHORIZED || !self.shared.has_token() {
            return Ok(response);
        }
        let Some((replay, bought_by)) = self.new_token(attempt).await? else {
            return Err(self.shared.token_rejected(response));
        };
        let mut again = request;
        self.shared.replay(replay, &mut again)?;
        events::call_replayed(self.shared.location.as_ref());
        let response = self.send(again).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.shared.rejected_again(bought_by);
            return Err(self.shared.token_rejected(response));
        }
        Ok(response)
    }

    /// The leave to send the call again with a newer token, if there is one to be had, and which hand-over bought it.
    async fn new_token(&self, attempt: Attempt) -> Result<Option<(Replay, u64)>, CallError<T::Error>> {
        let turn = match self.shared.rejected(attempt)? {
            Next::Replay { replay, bought_by } => return Ok(Some((replay, bought_by))),
            Next::Rejected => return Ok(None),
            Next::Wait(turn) => turn,
        };
        events::login_awaited(self.shared.location.as_ref());
        let _turn = self.turn.lock().await;
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
            let answer = self.transport.send(flow.request(), RESPONSE_LIMIT).await;
            let result = drivers::receive(flow, answer, |error| self.transport.delivery(error));
            next = self.shared.advance(login, result)?;
        }
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError<T::Error>> {
        let result = self.transport.send(request, self.limit).await.map_err(|error| {
            let delivery = self.transport.delivery(&error);
            CallError::Transport { error, delivery }
        });
        result.inspect(|response| events::call_answered(self.shared.location.as_ref(), response.status()))
    }
}

impl<T: AsyncTransport> fmt::Debug for AsyncClient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncClient").field("session", &self.shared.lock().session).finish_non_exhaustive()
    }
}
