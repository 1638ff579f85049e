//! What the author of a driver needs: calls, and how they get their tokens, as values, for a program with a client or an event loop of its own.
//!
//! A program that logs in and makes calls needs none of it: a ready-made client drives the same values (feature `client`).
//!
//! ```text
//! Call ─ start ─▶ Next ─ Send ─▶ authorize ─▶ SentCall ─ received ─▶ Next ─▶ … ─▶ Done
//!                  │                ▲
//!                  │                └──────────────── acquired ─ WaitingCall
//!                  └ Acquire ─▶ Acquisition ─ start ─▶ Acquiring ─ Done ──▲
//!                                                       │   ▲
//!         AwaitTurn, OpenRecord, SendToken, WriteRecord: do it, and tell the state
//! ```
//!
//! - **One session for each Location**, shared by all its callers, and one [`Owner`](crate::Owner). Another session would request tokens of its own.
//! - **A turn** is what only one caller at a time may do: the exchange for a Location, or the login of an owner. All callers that need the
//!   same token wait for one request, and share its result. A caller keeps a turn until [`Acquiring::holds`] is false for it: while it saves, too, and
//!   while its request is under way. Who grants a turn too early gets [`Misuse::TurnTaken`](crate::Misuse::TurnTaken), and no second token.
//! - **The store's turn** comes with [`OpenRecord`]: keep it until [`Acquiring::holds_record`] is false, and drop it before anything else is done. A program
//!   whose store only saves passes [`Stored::SavesOnly`](crate::store::Stored), and saves the [new token](crate::store::Record::new_token) of a
//!   [`WriteRecord`]. After a call, [`Session::unwritten`](crate::Session::unwritten) says what is left to write.
//! - **The time** is that of day, since 1970, and of one clock for all calls of an owner.
//! - **[`Call`] ties a response to its request.** A driver that uses [`Session`](crate::Session) alone is not protected from a request that is sent
//!   without credentials, the status of another response, another call's verdict, or a call that is sent again without its [`Replay`], or twice:
//!   each may cost a token that nobody needs, or an error that is not true.
//! - [`RESPONSE_LIMIT`], [`may_carry_secrets`] and [`is_token_request`] are for a transport of your own. `transports` has them, too.
//! - [`asks_for_another_login`] tells a 401 of a gateway, which says nothing about the token, from the service's.
//! - **A state that is dropped has ended.** A token request stays counted, since it may have arrived.
//!
//! # Many callers in one thread
//!
//! An event loop has no locks: it keeps a queue for each turn. This is `examples/event_loop.rs`, with a function in place of a network:
//!
//! ```
// A build does not need the examples.
#![cfg_attr(any(doc, doctest), doc = include_str!("../examples/event_loop.rs"))]
//! ```

pub use crate::acquiring::{Acquiring, Acquisition, AwaitTurn, OpenRecord, Replay, SendToken, Turn, WriteRecord};
pub use crate::attempt::{Attempt, Verdict};
pub use crate::call::{Call, CallFailure, Next, SentCall, WaitingCall};
pub use crate::endpoint::may_carry_secrets;
pub use crate::error_message::asks_for_another_login;
pub use crate::request::{RequestHead, is_token_request};
pub use crate::response::RESPONSE_LIMIT;
