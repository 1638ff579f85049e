//! The states of an acquisition: what each knows, and which turns its caller has.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::identity::Identity;
use crate::owner::Acts;
use crate::record::Record;
use crate::{SavedToken, TokenError, TokenExchange, UserLogin};

/// The way to a Location's first token, or to a new one after a 401. [`Session::first_token`](crate::Session::first_token) or
/// [`Session::received`](crate::Session::received) returns it, and [`start`](Self::start) begins it.
///
#[doc = include_str!("acquisition_states.md")]
///
/// The drawing leaves out what the program sets meanwhile. [`Session::set_location_token`](crate::Session::set_location_token) ends it
/// before the next request, as a new token does. [`Owner::forget`](crate::Owner::forget) ends it before the next request with an error.
///
/// A method of each state takes the result, consumes the state, and returns the next one. You may drop a state at any time: a token request in
/// flight stays counted. [`driver`](crate::driver) has the loop, and says what a turn is.
///
#[doc = include_str!("acquisition.md")]
#[must_use = "an acquisition does nothing until it is started"]
#[derive(Debug)]
pub struct Acquisition {
    pub(crate) session: Identity,
    /// Which token was rejected, or was not there: how many the session had got before.
    pub(crate) generation: u64,
}

/// What to do next for an [`Acquisition`]. [`driver`](crate::driver) has a loop over it.
///
/// ```
/// use location_auth::driver::Acquiring;
///
/// /// Text that a driver may log.
/// fn in_words(next: &Acquiring) -> &'static str {
///     match next {
///         Acquiring::AwaitTurn(_) => "another caller may be getting the token",
///         Acquiring::SendToken(_) => "a token request is about to be sent",
///         Acquiring::Keep(_) => "a new token goes to the store",
///         Acquiring::Done(_) => "there is a token, or an error",
///     }
/// }
/// ```
#[must_use = "an acquisition goes on only if the driver does what its state says"]
#[derive(Debug)]
pub enum Acquiring {
    /// Wait until no other caller has this turn.
    AwaitTurn(AwaitTurn),
    /// Send a token request.
    SendToken(SendToken),
    /// Save a new token in the program's store.
    Keep(Keep),
    /// It has ended: send the call (again) with the newer token, or return the error.
    Done(Result<Replay, TokenError>),
}

/// What only one caller at a time may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// The exchange for one Location.
    Location,
    /// The login of one owner.
    Owner,
}

impl Acquiring {
    /// Whether the caller keeps this turn until the next state. If not, the next caller that waits gets it.
    pub fn holds(&self, turn: Turn) -> bool {
        let context = match self {
            Self::AwaitTurn(AwaitTurn { context, .. })
            | Self::SendToken(SendToken { context, .. })
            | Self::Keep(Keep { context, .. }) => context,
            Self::Done(_) => return false,
        };
        match turn {
            Turn::Location => context.location_turn.is_some(),
            Turn::Owner => context.owner_turn.is_some(),
        }
    }
}

/// What all states know.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) session: Identity,
    /// Which of the Location's tokens was rejected, or was not there: how many the session had got before.
    pub(crate) generation: u64,
    /// What the program had done to the owner when the caller last looked: what failed with older credentials is no failure of later callers.
    pub(crate) acts: Acts,
    /// The turns that the caller has.
    pub(crate) location_turn: Option<Arc<()>>,
    pub(crate) owner_turn: Option<Arc<()>>,
}

/// A wait for a turn. See the drawing on the page of [`Acquisition`].
#[must_use = "a turn does nothing until it is granted"]
#[derive(Debug)]
pub struct AwaitTurn {
    pub(crate) context: Context,
    pub(crate) turn: Turn,
    /// How many requests had ended when the wait began.
    pub(crate) ended: u64,
}

/// A token request to send. See the drawing on the page of [`Acquisition`]. It is counted already: if you drop it, its outcome is unknown.
#[must_use = "a token request does nothing until it is sent"]
#[derive(Debug)]
pub struct SendToken {
    pub(crate) context: Context,
    pub(crate) sent: Sent,
    /// Which User Access Token the owner has.
    pub(crate) owner_generation: u64,
    /// The record from before the request.
    pub(crate) before: Record,
    /// Why there is no response.
    pub(crate) cause: Option<Box<str>>,
}

#[derive(Debug)]
pub(crate) enum Sent {
    Login(UserLogin),
    Exchange(TokenExchange),
}

/// A new token to save in the program's store before it is used. See the drawing on the page of [`Acquisition`].
#[must_use = "a new token is not kept until the store has it"]
#[derive(Debug)]
pub struct Keep {
    pub(crate) context: Context,
    pub(crate) of: Turn,
    pub(crate) token: SavedToken,
}

/// Allows a call to be sent with a newer token, for the last time: a 401 for it leads to no other token request.
/// [`Session::replay`](crate::Session::replay) takes it.
#[must_use = "a replay does nothing until the call is sent again with it"]
#[derive(Debug)]
pub struct Replay {
    pub(crate) session: Identity,
}
