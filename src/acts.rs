//! What a person has done to an owner. The counts of token requests follow it, each at its next turn.

use crate::identity::Identity;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Acts {
    pub(crate) owner: Identity,
    /// How often the program has set other credentials.
    set: u64,
    /// How often it had done that when the owner was complete.
    set_at_start: u64,
    /// How often it has tried again.
    pub(crate) tried: u64,
    /// The last that it did to the credentials was to forget them.
    pub(crate) is_forgotten: bool,
}

impl Acts {
    pub(crate) fn new() -> Self {
        Self { owner: Identity::new(), set: 0, set_at_start: 0, tried: 0, is_forgotten: false }
    }

    pub(crate) fn has_credentials_of(&self, other: &Self) -> bool {
        (self.owner, self.set) == (other.owner, other.set)
    }

    pub(crate) fn set(&mut self, has_begun: bool) {
        self.set = self.set.saturating_add(1);
        if !has_begun {
            self.set_at_start = self.set;
        }
    }

    /// As they were when the owner was complete: the credentials that a program starts with change nothing, but to try again does.
    pub(crate) fn at_start(self) -> Self {
        Self { set: self.set_at_start, tried: 0, ..self }
    }
}
