//! What the author of a store needs: the keys and the records of tokens, and the turns that a store gives (`Q20`).
//!
//! A store keeps a text, the *record*, for each *key*: an environment and one Location, or the owner. It neither reads nor changes the text.
//!
//! - **A turn** is the right to read and to write the record of one key. A store gives it to one caller at a time, of all processes. It ends when it
//!   is dropped, and when its process ends: let the engine see to that (a lock of a file, a database session's lock), and no clock.
//! - **A write** is complete and durable when it returns, and it fails if its turn was lost.
//! - **Waiting for a turn has a limit**, which the program sets on its store. A caller that no longer waits takes no turn later.
//! - **One owner**: a User Access Token does not say whose it is. So a store is for one owner: it puts a label of the program's before its keys, or it
//!   has a folder or a table for each owner.
//!
//! A caller has at most one turn at a time, and while it has one, it waits for nothing but the store and the service. So a pool of one connection is
//! enough, and nothing waits for itself.
//!
//! The traits are in `transports::client`: `TokenStore` and `AsyncTokenStore`. A store that only saves new tokens is a closure.

use alloc::vec::Vec;
use core::fmt;

pub use crate::record::Record;
pub use crate::record_key::RecordKey;

/// What a store has under a key, when it gives the turn.
pub enum Stored {
    /// The store gives no turns and keeps no record: it only saves new tokens. Then the count is in this process's memory.
    SavesOnly,
    /// The record as it was written, or `None` if there is none.
    Record(Option<Vec<u8>>),
}

/// Shows no record.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SavesOnly => "SavesOnly",
            Self::Record(None) => "Record(None)",
            Self::Record(Some(_)) => "Record(Some(..))",
        })
    }
}
