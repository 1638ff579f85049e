//! The clock and the allocator that counts: rounds in which every contender has its turn, and medians of them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

/// Counts what the thread that asks has allocated: a server on a thread beside it does not count.
pub struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, buffer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as isize - layout.size() as isize);
        unsafe { System.realloc(buffer, layout, size) }
    }
    unsafe fn dealloc(&self, buffer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        unsafe { System.dealloc(buffer, layout) }
    }
}

fn count(allocations: usize, bytes: isize) {
    // A thread that is ending frees after its thread-locals are gone.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + allocations));
    let _ = LIVE_BYTES.try_with(|count| count.set(count.get() + bytes));
}

pub fn allocations<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.get();
    let output = run();
    (ALLOCATIONS.get() - before, output)
}

pub fn live_bytes() -> isize {
    LIVE_BYTES.get()
}

/// One way to do what its group is about.
pub struct Contender<'a> {
    pub name: &'static str,
    pub allocations: usize,
    /// What it came to in a run of its own, before any timing.
    pub outcome: String,
    /// Runs a number of times and says how many nanoseconds each took.
    round: Box<dyn FnMut(usize) -> f64 + 'a>,
}

impl<'a> Contender<'a> {
    /// `prepare` is out of the clock's sight. `work` is timed, and so is dropping what it returns, which `outcome` looks into once.
    pub fn new<P: 'a, T>(
        name: &'static str,
        mut prepare: impl FnMut() -> P + 'a,
        mut work: impl FnMut(P) -> T + 'a,
        outcome: impl FnOnce(&T) -> String,
    ) -> Self {
        let outcome = outcome(&work(prepare()));
        // A client library allocates more while it warms up, and once in a while after that.
        let counts = (0..9).map(|_| {
            let prepared = prepare();
            allocations(|| drop(black_box(work(prepared)))).0 as f64
        });
        let allocations = median(counts.collect()) as usize;
        let round = move |times| {
            let prepared: Vec<P> = (0..times).map(|_| prepare()).collect();
            let start = Instant::now();
            for prepared in prepared {
                black_box(work(black_box(prepared)));
            }
            start.elapsed().as_nanos() as f64 / times as f64
        };
        Self { name, allocations, outcome, round: Box::new(round) }
    }
}

/// What a contender costs, without the input that all share.
pub struct Cost {
    pub name: &'static str,
    pub nanoseconds: f64,
    pub allocations: usize,
    /// Our time divided by this contender's: the median of each round's ratio, so that a machine that slows down for a while
    /// slows both.
    pub ratio: f64,
}

/// Times the contenders in turn, round by round; the first is ours. What `input` costs is taken off each in the same round.
///
/// # Panics
/// Where a contender has not come to what was expected.
pub fn compare(
    mut input: Option<Contender<'_>>,
    mut contenders: Vec<Contender<'_>>,
    expected: &str,
    rounds: usize,
    times: usize,
) -> Vec<Cost> {
    for contender in &contenders {
        assert_eq!(contender.outcome, expected, "{} has come to something else", contender.name);
    }
    let mut net = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..rounds {
        let shared = input.as_mut().map_or(0.0, |input| (input.round)(times));
        for turn in 0..contenders.len() {
            // Nobody is always the first, or always after the same one.
            let which = (turn + round) % contenders.len();
            net[which].push((contenders[which].round)(times) - shared);
        }
    }
    let shared = input.map_or(0, |input| input.allocations);
    let cost = |(contender, times): (&Contender<'_>, &Vec<f64>)| Cost {
        name: contender.name,
        nanoseconds: median(times.clone()),
        allocations: contender.allocations - shared,
        ratio: median(net[0].iter().zip(times).map(|(ours, theirs)| ours / theirs).collect()),
    };
    contenders.iter().zip(&net).map(cost).collect()
}

pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
