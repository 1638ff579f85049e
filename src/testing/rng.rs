//! Pseudorandom numbers from a seed.

/// A generator of pseudorandom numbers. The same seed gives the same numbers on every machine. It is for tests only: they can be predicted.
///
/// ```
/// use location_auth::testing::Rng;
///
/// let (mut first, mut again) = (Rng::new(17), Rng::new(17));
/// assert!((0..100).all(|_| first.below(6) == again.below(6)));
/// ```
#[derive(Debug)]
pub struct Rng(u64);

impl Rng {
    /// Makes a generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Returns the next number, from 0 up to but not including this bound. For a bound of 0 it returns 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(bound).unwrap_or(0)).unwrap_or(0)
    }

    pub(super) fn next(&mut self) -> u64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
