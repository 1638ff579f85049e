//! The states of an acquisition: what each knows, and which turns its caller has.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::acts::Acts;
use crate::counter::Count;
use crate::identity::Identity;
use crate::record::StoredRecord;
use crate::record_key::RecordKey;
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
    pub(crate) purpose: Purpose,
}

/// What an acquisition is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Purpose {
    /// A token that a call needs.
    Token,
    /// Something is unwritten, and no call waits for it.
    Tidy,
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
///         Acquiring::OpenRecord(_) => "another process may be getting the token",
///         Acquiring::SendToken(_) => "a token request is about to be sent",
///         Acquiring::WriteRecord(_) => "the store gets a count, or a new token",
///         Acquiring::Done(_) => "there is a token, or an error",
///     }
/// }
/// ```
#[must_use = "an acquisition goes on only if the driver does what its state says"]
#[derive(Debug)]
pub enum Acquiring {
    /// Wait until no other caller has this turn.
    AwaitTurn(AwaitTurn),
    /// Wait for the store's turn, and read the record. A program whose store only saves does nothing.
    OpenRecord(OpenRecord),
    /// Send a token request.
    SendToken(SendToken),
    /// Write the record, in the store's turn. A store that only saves saves its [new token](crate::store::Record::new_token).
    WriteRecord(WriteRecord),
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
        self.context().is_some_and(|context| match turn {
            Turn::Location => context.location_turn.is_some(),
            Turn::Owner => context.owner_turn.is_some(),
        })
    }

    /// Whether the caller keeps the store's turn until the next state. If not, drop it before anything else is done.
    pub fn holds_record(&self) -> bool {
        // A store that only saves has one turn for all that it saves, which means nothing.
        self.context().is_some_and(|context| context.record.is_some() || context.saves_only)
    }

    fn context(&self) -> Option<&Context> {
        match self {
            Self::AwaitTurn(AwaitTurn { context, .. })
            | Self::OpenRecord(OpenRecord { context, .. })
            | Self::SendToken(SendToken { context, .. })
            | Self::WriteRecord(WriteRecord { context, .. }) => Some(context),
            Self::Done(_) => None,
        }
    }
}

/// What all states know.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) session: Identity,
    /// Which of the Location's tokens was rejected, or was not there: how many the session had got before.
    pub(crate) generation: u64,
    pub(crate) purpose: Purpose,
    /// What the program had done to the owner when the caller last looked: what failed with older credentials is no failure of later callers.
    pub(crate) acts: Acts,
    /// The turns that the caller has.
    pub(crate) location_turn: Option<Arc<()>>,
    pub(crate) owner_turn: Option<Arc<()>>,
    /// The record whose turn of the store the caller has: the owner's, or else the Location's.
    pub(crate) record: Option<Box<StoredRecord>>,
    /// The store only saves.
    pub(crate) saves_only: bool,
    /// The owner's record has no newer User Access Token than the one that step 2 refused.
    pub(crate) has_looked: bool,
    /// How step 2 refused it.
    pub(crate) refused: Option<Box<TokenError>>,
    /// Step 2 refused it, here or in another process, and neither a newer token has explained that, nor does the Location's record say so.
    pub(crate) is_refused: bool,
    /// Why the owner gets no other one. It is the caller's error, once the Location's record has the refusal.
    pub(crate) failed: Option<Box<TokenError>>,
    /// A write of the new token failed, and the turn was taken again.
    pub(crate) is_second: bool,
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

/// A record to read, in the store's turn. See the drawing on the page of [`Acquisition`].
#[must_use = "nothing is sent before the record is read"]
#[derive(Debug)]
pub struct OpenRecord {
    pub(crate) context: Context,
    pub(crate) of: Turn,
    pub(crate) key: RecordKey,
}

/// A token request to send. See the drawing on the page of [`Acquisition`]. It is counted already: if you drop it, its outcome is unknown.
#[must_use = "a token request does nothing until it is sent"]
#[derive(Debug)]
pub struct SendToken {
    pub(crate) context: Context,
    pub(crate) counted: Counted,
    /// Why there is no response.
    pub(crate) cause: Option<Box<str>>,
}

/// A token request that is counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) sent: Sent,
    /// Which User Access Token the owner has.
    pub(crate) owner_generation: u64,
    /// The count from before the request.
    pub(crate) before: Count,
}

#[derive(Debug)]
pub(crate) enum Sent {
    Login(UserLogin),
    Exchange(TokenExchange),
}

/// A record to write, in the store's turn. See the drawing on the page of [`Acquisition`].
#[must_use = "a new token is not kept until the store has it"]
#[derive(Debug)]
pub struct WriteRecord {
    pub(crate) context: Context,
    pub(crate) of: Turn,
    pub(crate) record: Box<StoredRecord>,
    /// The new token, if it is written to save one.
    pub(crate) token: Option<SavedToken>,
    pub(crate) then: Then,
}

/// Why a record is written, and what follows.
#[derive(Debug)]
pub(crate) enum Then {
    /// The request is counted.
    Send(Counted),
    /// A token is saved.
    Use,
    /// The outcome changes the count.
    GoOn(Onward),
}

/// What follows a request without a token.
#[derive(Debug)]
pub(crate) enum Onward {
    GiveUp(Box<TokenError>),
    AwaitOwner,
    Exchange,
    /// What was unwritten is written.
    Tidied,
}

/// Allows a call to be sent with a newer token. If this process requested the token, it is the last time: a 401 leads to no other token request.
/// [`Session::replay`](crate::Session::replay) takes it.
#[must_use = "a replay does nothing until the call is sent again with it"]
#[derive(Debug)]
pub struct Replay {
    pub(crate) session: Identity,
    /// Whether the call has had its once: a token that was taken over from the store is a first send.
    pub(crate) again: bool,
}

impl Replay {
    /// Whether it is a first send: the token was taken over from the store.
    pub fn is_first(&self) -> bool {
        !self.again
    }
}
