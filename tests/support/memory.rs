//! An allocator that counts, and that looks into every buffer that is given back.
//!
//! Only what the thread that asked is doing counts, so that tests can run side by side.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct Watching;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
    /// The bytes to look for, and how many freed buffers held them.
    static MARKER: Cell<&'static [u8]> = const { Cell::new(&[]) };
    static LEFT_BEHIND: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it came. A buffer is read before it is freed, while it is
// still valid for its layout's size; bytes that were never written may be read, which is why this serves tests alone.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // Zeroed, so that no buffer shows what an earlier one held.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, buffer: *mut u8, layout: Layout) {
        FREED.with(|count| count.set(count.get() + 1));
        let marker = MARKER.get();
        if !marker.is_empty() {
            let bytes = unsafe { std::slice::from_raw_parts(buffer, layout.size()) };
            if bytes.windows(marker.len()).any(|window| window == marker) {
                LEFT_BEHIND.with(|count| count.set(count.get() + 1));
            }
        }
        unsafe { System.dealloc(buffer, layout) }
    }

    // The default `realloc` allocates, copies and frees, so that a buffer that grows is looked into as well.
}

/// How many buffers are allocated while this runs, and what it returns.
pub fn allocations<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.get();
    let output = run();
    (ALLOCATIONS.get() - before, output)
}

/// How many buffers are in use.
pub fn in_use() -> usize {
    ALLOCATIONS.get().wrapping_sub(FREED.get())
}

/// How many of the buffers that are freed while this runs hold the marker.
pub fn left_behind(marker: &'static [u8], run: impl FnOnce()) -> usize {
    MARKER.set(marker);
    LEFT_BEHIND.set(0);
    run();
    MARKER.set(&[]);
    LEFT_BEHIND.get()
}
