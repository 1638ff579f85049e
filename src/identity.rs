//! Which session or owner something belongs to.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Identifies a session or an owner.
///
/// The counter is the only state that the core shares between values. It decides nothing: no order, no output and no test depends on a number, only
/// on whether two are the same. An `Arc` would do as well, but all threads that make calls would change its count.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Identity(usize);

impl Identity {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Hides the number, which differs between runs.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}
