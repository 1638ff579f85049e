//! The most bytes that are allocated at one time: for tests that nothing of a long body is held.

use std::sync::{Mutex, MutexGuard};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

static ALONE: Mutex<()> = Mutex::new(());

pub const MIB: usize = 1024 * 1024;

/// One test at a time, since the allocator counts for all threads.
pub fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap()
}

/// The most bytes that were allocated at one time beyond those before.
pub fn peak_of(run: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    run();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

#[test]
fn a_body_that_is_held_is_detected() {
    let _alone = alone();
    // If this fails, the tests beside it prove nothing. A third mebibyte, since the test runner's own threads free some bytes meanwhile.
    assert!(peak_of(|| drop(vec![1_u8; 3 * MIB])) >= 2 * MIB);
}
