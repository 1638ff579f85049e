//! Ready-made clients: a session and a transport tied together, so that a call is one function (feature `client`).
//!
//! [`Client`] blocks, [`AsyncClient`] does not; line by line they do the same otherwise:
//!
//! ```text
//! call ──▶ authorize ──▶ send ──┬─▶ any status but 401 ─────────────────────────────────▶ the response
//!                               │
//!                               └─▶ 401 ──┬─▶ a newer token stands ─────────▶ send again, once ──▶ the response
//!                                         │                                    ▲
//!                                         ├─▶ the owner's login was handed over: one logs in, the others wait
//!                                         │                                    └──▶ it failed: CallError::LoginFailed for all of them
//!                                         │
//!                                         └─▶ it was not ──▶ CallError::TokenRejected
//! ```
//!
//! - Nothing logs in by itself unless the owner's login was handed over by `log_in_with` (`Q12`): a program should not need to keep a
//!   password.
//! - A login that the service refuses is not tried again, by no caller, until `log_in_with` brings new credentials: 200
//!   callers must not lock an account with one wrong password. Nor is one that did not help, since the new token met a 401 too: a
//!   route that always answers so must not buy a token for each call.
//! - A login that fails otherwise fails all who wait for it, and the next caller may try: it goes on at the step that failed, and from step
//!   1 on if the user token that it kept is refused by then. That sends a token request again which may have arrived, so after a time-out
//!   or a 5xx the service may have issued a token that nobody has (`Q10`): hand the owner's login over only where that is better than a
//!   call that fails.
//! - A call is sent again after a 401 with a new token, once, and never else (`Q11`): 429, 503 and a cut connection are told, and
//!   [`Retry::from_response`](crate::Retry::from_response) reads the wait. Nothing here sleeps.
//! - No lock is held while a call is under way.
//! - The limit of a call's body is the client's, given to its constructor; a login keeps to [`RESPONSE_LIMIT`](crate::RESPONSE_LIMIT).
//!
//! A body that should stream is not for these: authorize the request with a [`Session`] of your own and send it with your client.

extern crate std;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error as StdError;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use location_auth::{
    Attempt, ErrorKind, Fault, Flow, LocationAccessToken, LocationId, LocationLogin, Misuse, Progress, Replay, Session,
    Verdict,
};

use super::{Cause, Delivery, RunError};

mod asynchronous;
mod blocking;

pub use asynchronous::AsyncClient;
pub use blocking::Client;

/// Why a call got no response, or a 401 that could not be helped (`Q11`, `Q12`).
///
/// ```
/// use location_auth::transports::client::CallError;
///
/// fn advice<E>(error: &CallError<E>) -> String {
///     match error {
///         CallError::TokenRejected { location: Some(location), .. } => format!("ask the owner of {location} to log in"),
///         CallError::LoginFailed(stopped) => format!("the login stopped at {}", stopped.step()),
///         other => other.to_string(),
///     }
/// }
/// ```
#[non_exhaustive]
pub enum CallError<E> {
    /// The request can't be authorized, and was not sent.
    Misuse(Misuse),
    /// There was no response to the call.
    Transport {
        /// The transport's own error.
        error: E,
        /// Whether the call may have reached the service. It is not sent again either way.
        delivery: Delivery,
    },
    /// The call was answered with 401, and there is no newer token to be had. Since tokens do not expire (`P6`), it was revoked, or the
    /// service means something else by the status: the response may say.
    TokenRejected {
        /// The Location whose token it was; `None` for a user's.
        location: Option<LocationId>,
        /// What the service answered. `Debug` does not show it.
        response: Box<Response<Vec<u8>>>,
    },
    /// The call was answered with 401, and logging in again failed: for this caller and for all who waited for the same login.
    LoginFailed(Arc<RunError<LocationLogin, E>>),
}

impl<E> CallError<E> {
    /// Who has to change something.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Misuse(_) | Self::TokenRejected { .. } => Fault::Caller,
            Self::Transport { .. } => Fault::Transport,
            Self::LoginFailed(stopped) => stopped.fault(),
        }
    }
}

impl<E> From<Misuse> for CallError<E> {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl<E: fmt::Debug> fmt::Debug for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => f.debug_tuple("Misuse").field(misuse).finish(),
            Self::Transport { error, delivery } => {
                f.debug_struct("Transport").field("error", error).field("delivery", delivery).finish()
            }
            Self::TokenRejected { location, .. } => {
                f.debug_struct("TokenRejected").field("location", location).finish_non_exhaustive()
            }
            Self::LoginFailed(stopped) => f.debug_tuple("LoginFailed").field(stopped).finish(),
        }
    }
}

/// One line: what happened, who is at fault, what to do. The transport's own words are the [`source`](StdError::source).
impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, advice) = match self {
            Self::Misuse(misuse) => return fmt::Display::fmt(misuse, f),
            Self::Transport { delivery: Delivery::NotSent, .. } => {
                ("the call never left", "check the URL's host and the network, then make it again")
            }
            Self::Transport { delivery: Delivery::Unsendable, .. } => {
                ("the transport sends no such call", "check the call's URL and how the transport is set up")
            }
            Self::Transport { delivery: Delivery::Unknown, .. } => (
                "no response to the call came, and it may have arrived",
                "check the network, and make it again only if twice does no harm",
            ),
            Self::TokenRejected { location: None, .. } => ("the User Access Token was rejected", "log in again"),
            Self::TokenRejected { location: Some(location), .. } => {
                write!(f, "the token of Location {location} was rejected; {}: ", self.fault())?;
                return f.write_str("log in again, with the owner's present password if it was changed");
            }
            Self::LoginFailed(stopped) => {
                write!(f, "the token was rejected, and logging in again failed: {stopped}")?;
                if is_refusal(stopped) {
                    f.write_str("; this login is not tried again: hand the client new credentials")?;
                }
                return Ok(());
            }
        };
        write!(f, "{what}; {}: {advice}", self.fault())
    }
}

impl<E: StdError + 'static> StdError for CallError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Transport { error, .. } => Some(error),
            Self::LoginFailed(stopped) => stopped.source(),
            Self::Misuse(_) | Self::TokenRejected { .. } => None,
        }
    }
}

fn is_refusal<E>(stopped: &RunError<LocationLogin, E>) -> bool {
    matches!(&stopped.cause, Cause::Response(error) if error.kind() == ErrorKind::Refused)
}

/// What all callers of a client share.
struct Shared<E> {
    /// Whose token the session has: a renewal does not change it.
    location: Option<LocationId>,
    /// Its lock is held for a few lines at a time, and never while anything is sent.
    state: Mutex<State<E>>,
}

struct State<E> {
    session: Session,
    /// The number of the hand-over whose login the session's token came from: 0 for the token that it was made with.
    bought_by: u64,
    login: Option<Login<E>>,
    /// How many logins have ended. Who waits for one sees by it that it has.
    ended: u64,
    /// How the last of them failed, if it did.
    failure: Option<Arc<RunError<LocationLogin, E>>>,
    /// A token that a login came to and that nobody has asked for yet.
    new_token: Option<LocationAccessToken>,
}

/// The owner's login, as it was handed over.
struct Login<E> {
    fresh: LocationLogin,
    /// Where the last one stopped: a login that failed at step 2 goes on there, and step 1 is not repeated (`Q10`).
    pending: LocationLogin,
    refused: Option<Arc<RunError<LocationLogin, E>>>,
    /// Whether a token that it came to met a 401 as well.
    in_vain: bool,
    /// Which hand-over it is, from 1: a login with old credentials must not touch what new ones left here.
    number: u64,
}

/// What a caller whose call met a 401 has to do.
enum Next<W> {
    /// Send the call again, with the token that a login of this hand-over came to.
    Replay { replay: Replay, bought_by: u64 },
    /// Go on.
    Wait(W),
    /// There is no newer token to be had.
    Rejected,
}

impl<W> Next<W> {
    fn map<V>(self, go_on: impl FnOnce(W) -> V) -> Next<V> {
        match self {
            Self::Replay { replay, bought_by } => Next::Replay { replay, bought_by },
            Self::Wait(waiting) => Next::Wait(go_on(waiting)),
            Self::Rejected => Next::Rejected,
        }
    }
}

/// Waiting for one's turn to log in.
struct Turn {
    attempt: Attempt,
    /// How many logins had ended when the waiting began.
    ended: u64,
}

/// A login under way, beside its flow.
struct UnderWay {
    attempt: Attempt,
    /// The hand-over that it is of.
    number: u64,
    /// Whether it goes on with a user token of an earlier login's.
    resumed: bool,
}

impl<E> State<E> {
    /// What becomes of a caller whose attempt met a 401 and who began to wait when `since` logins had ended.
    fn judge(&self, attempt: Attempt, since: u64) -> Result<Next<(Attempt, &Login<E>)>, CallError<E>> {
        let attempt = match self.session.rejected(attempt)? {
            Verdict::Replay(replay) => return Ok(Next::Replay { replay, bought_by: self.bought_by }),
            Verdict::LogIn(attempt) => attempt,
        };
        match (&self.login, &self.failure) {
            // The login that it waited for has failed, for all who waited.
            (_, Some(failure)) if self.ended != since => Err(CallError::LoginFailed(Arc::clone(failure))),
            (Some(Login { refused: Some(refusal), .. }), _) => Err(CallError::LoginFailed(Arc::clone(refusal))),
            (Some(login), _) if !login.in_vain => Ok(Next::Wait((attempt, login))),
            (Some(_) | None, _) => Ok(Next::Rejected),
        }
    }
}

impl<E> Shared<E> {
    fn new(session: Session) -> Self {
        let location = session.location().cloned();
        let state = State { session, bought_by: 0, login: None, ended: 0, failure: None, new_token: None };
        Self { location, state: Mutex::new(state) }
    }

    /// A thread that panicked while it held the lock left the state whole: no line that holds it can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn authorize(&self, request: &mut Request<Vec<u8>>) -> Result<Attempt, CallError<E>> {
        Ok(self.lock().session.authorize(request)?)
    }

    fn replay(&self, replay: Replay, request: &mut Request<Vec<u8>>) -> Result<(), CallError<E>> {
        Ok(self.lock().session.replay(replay, request)?)
    }

    fn has_token(&self) -> bool {
        self.lock().session.has_token()
    }

    fn token_rejected(&self, response: Response<Vec<u8>>) -> CallError<E> {
        CallError::TokenRejected { location: self.location.clone(), response: Box::new(response) }
    }

    fn hand_over(&self, login: LocationLogin) -> Result<(), Misuse> {
        let state = &mut *self.lock();
        let (token, app) = (login.app().environment(), state.session.app().environment());
        if token != app {
            return Err(Misuse::WrongEnvironment { token, app });
        }
        if login.location() != self.location.as_ref() {
            return Err(Misuse::WrongLocation);
        }
        let number = state.login.as_ref().map_or(1, |login| login.number.saturating_add(1));
        state.login = Some(Login { fresh: login.clone(), pending: login, refused: None, in_vain: false, number });
        Ok(())
    }

    fn take_new_token(&self) -> Option<LocationAccessToken> {
        self.lock().new_token.take()
    }

    /// The attempt met a 401.
    fn rejected(&self, attempt: Attempt) -> Result<Next<Turn>, CallError<E>> {
        let state = self.lock();
        Ok(state.judge(attempt, state.ended)?.map(|(attempt, _)| Turn { attempt, ended: state.ended }))
    }

    /// It is this caller's turn: nobody else is logging in.
    fn turn(&self, Turn { attempt, ended }: Turn) -> Result<Next<(LocationLogin, UnderWay)>, CallError<E>> {
        let state = self.lock();
        Ok(state.judge(attempt, ended)?.map(|(attempt, login)| {
            let flow = login.pending.clone();
            let resumed = flow.step() != login.fresh.step();
            (flow, UnderWay { attempt, number: login.number, resumed })
        }))
    }

    /// What a response, or the want of one, means for a login under way.
    fn advance(
        &self,
        UnderWay { attempt, number, resumed }: UnderWay,
        result: Result<Progress<LocationLogin>, RunError<LocationLogin, E>>,
    ) -> Result<Next<(LocationLogin, UnderWay)>, CallError<E>> {
        let state = &mut *self.lock();
        let login = state.login.as_mut().filter(|login| login.number == number);
        match result {
            Ok(Progress::Next(flow)) => {
                if let Some(login) = login {
                    login.pending = flow.clone();
                }
                Ok(Next::Wait((flow, UnderWay { attempt, number, resumed })))
            }
            Ok(Progress::Done(token)) => {
                if let Some(login) = login {
                    login.pending = login.fresh.clone();
                }
                state.ended = state.ended.saturating_add(1);
                state.failure = None;
                state.new_token = Some(token.clone());
                state.session.renew(&attempt, token)?;
                state.bought_by = number;
                match state.session.rejected(attempt)? {
                    Verdict::Replay(replay) => Ok(Next::Replay { replay, bought_by: state.bought_by }),
                    Verdict::LogIn(_) => Ok(Next::Rejected),
                }
            }
            Err(stopped) => {
                let is_refusal = is_refusal(&stopped);
                let failure = Arc::new(stopped);
                if let Some(login) = login {
                    login.pending = if is_refusal { login.fresh.clone() } else { failure.flow.clone() };
                    if is_refusal && resumed {
                        // The user token that was kept may have been revoked meanwhile, which says nothing of the password.
                        let flow = login.pending.clone();
                        return Ok(Next::Wait((flow, UnderWay { attempt, number, resumed: false })));
                    }
                    login.refused = is_refusal.then(|| Arc::clone(&failure));
                }
                state.ended = state.ended.saturating_add(1);
                state.failure = Some(Arc::clone(&failure));
                Err(CallError::LoginFailed(failure))
            }
        }
    }

    /// The replay met a 401 as well, with the token that a login of this hand-over came to.
    fn rejected_again(&self, bought_by: u64) {
        let state = &mut *self.lock();
        if let Some(login) = state.login.as_mut().filter(|login| login.number == bought_by) {
            login.in_vain = true;
        }
    }
}
