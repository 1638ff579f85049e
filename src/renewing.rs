//! The states of a renewal: what each knows, and which turns its caller holds.

use crate::attempt::Identity;
use crate::gate::Ticket;
use crate::{RenewError, Replay, SavedToken, TokenExchange, UserLogin};

/// What to do next for a [`Renewal`](crate::Renewal). The page of `Renewal` has a loop over it.
///
/// ```
/// use location_auth::Renewing;
///
/// /// Text that a driver may log.
/// fn in_words(next: &Renewing) -> &'static str {
///     match next {
///         Renewing::AwaitTurn(_) => "somebody else may be renewing the token",
///         Renewing::SendToken(_) => "a token request is about to be sent",
///         Renewing::Keep(_) => "a new token goes to the store",
///         Renewing::Done(_) => "the renewal is over",
///     }
/// }
/// ```
#[derive(Debug)]
pub enum Renewing {
    /// Wait until no other caller has this turn.
    AwaitTurn(AwaitTurn),
    /// Send a token request.
    SendToken(SendToken),
    /// Save a new token in the program's store.
    Keep(Keep),
    /// The renewal has ended: send the call (again) with the newer token, or return the error. After the request for a first token drop the replay.
    Done(Result<Replay, RenewError>),
}

/// What only one caller at a time may do.
///
/// ```
/// use location_auth::{Renewing, Turn};
///
/// /// The turns that a driver still holds.
/// fn held(next: &Renewing) -> Vec<Turn> {
///     [Turn::Location, Turn::Owner].into_iter().filter(|turn| next.holds(*turn)).collect()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// The exchange for one Location.
    Location,
    /// The login of one owner.
    Owner,
}

impl Renewing {
    /// Whether the caller keeps this turn until the next state. If not, the next caller that waits gets it.
    pub fn holds(&self, turn: Turn) -> bool {
        match (self, turn) {
            (Self::AwaitTurn(AwaitTurn { turn: Turn::Location, .. }) | Self::Done(_), _) => false,
            (Self::AwaitTurn(_), turn) => turn == Turn::Location,
            (Self::SendToken(_) | Self::Keep(_), Turn::Location) => true,
            (Self::SendToken(SendToken { sent, .. }), Turn::Owner) => matches!(sent, Sent::Login { .. }),
            (Self::Keep(Keep { of, .. }), Turn::Owner) => *of == Turn::Owner,
        }
    }
}

/// What all states know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) session: Identity,
    pub(crate) owner: Identity,
    /// Which of the Location's tokens was rejected, or was not there: how many the session had got before.
    pub(crate) generation: u64,
    /// When it became the Location's turn: a failure does not count for callers that began after the program set credentials again.
    pub(crate) ticket: Ticket,
    /// Step 2 has refused a User Access Token in this renewal.
    pub(crate) refused: bool,
}

/// A wait for a turn. See the drawing on the page of [`Renewal`](crate::Renewal).
///
/// ```
/// use core::time::Duration;
/// use location_auth::{AwaitTurn, Owner, Renewing, Session};
///
/// /// Call it while you hold the lock of `waiting.turn()`.
/// fn go_on(waiting: AwaitTurn, session: &mut Session, owner: &mut Owner, now: Duration) -> Renewing {
///     waiting.granted(session, owner, now)
/// }
/// ```
#[must_use = "a turn does nothing until it is granted"]
#[derive(Debug)]
pub struct AwaitTurn {
    pub(crate) context: Context,
    pub(crate) turn: Turn,
    pub(crate) ticket: Ticket,
}

/// A token request to send. See the drawing on the page of [`Renewal`](crate::Renewal).
///
/// ```
/// use location_auth::{Redacted, SendToken};
///
/// fn for_the_log(step: &SendToken) -> String {
///     format!("{}: {}", step.step(), Redacted(&step.request()))
/// }
/// ```
#[must_use = "a token request does nothing until it is sent"]
#[derive(Debug)]
pub struct SendToken {
    pub(crate) context: Context,
    pub(crate) ticket: Ticket,
    pub(crate) sent: Sent,
}

/// A new token that is not in the program's store yet.
pub(crate) struct Unsaved<T> {
    pub(crate) token: T,
    /// Which token it replaces.
    pub(crate) replaced: u64,
    /// When it was requested.
    pub(crate) ticket: Ticket,
}

#[derive(Debug)]
pub(crate) enum Sent {
    Login { login: UserLogin, owner_generation: u64 },
    Exchange { exchange: TokenExchange, owner_generation: u64 },
}

/// A new token to save in the program's store before it is used. See the drawing on the page of [`Renewal`](crate::Renewal).
///
/// ```
/// use location_auth::Keep;
///
/// /// What the store writes: a secret.
/// fn written(keep: &Keep) -> serde_json::Result<String> {
///     serde_json::to_string(&keep.token())
/// }
/// ```
#[must_use = "a new token is not kept until the store has it"]
#[derive(Debug)]
pub struct Keep {
    pub(crate) context: Context,
    pub(crate) of: Turn,
    pub(crate) token: SavedToken,
}
