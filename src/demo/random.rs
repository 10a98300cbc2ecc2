//! Chance that can be had again: splitmix64 (Steele, Lea, Flood 2014). Good for demo data, not for secrets.

/// A stream of numbers that follows from its seed.
pub struct Random(u64);

impl Random {
    /// The stream of parcel `i` of `seed`.
    pub fn new(seed: u64, i: u32) -> Self {
        let mut stream = Self(seed);
        let own = stream.next() ^ u64::from(i).wrapping_mul(0xD134_2543_DE82_EF95);
        Self(own)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1; 0 when `n` is 0. The bias of the remainder does not matter at such sizes.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next().checked_rem(n).unwrap_or(0)
    }

    /// `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them; `from` is not empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *self.pick_ref(from)
    }

    /// One of them; `from` is not empty.
    pub fn pick_ref<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }

    /// 0 to `n` - 1, for digits and letters.
    pub fn digit(&mut self, n: u8) -> u8 {
        u8::try_from(self.below(u64::from(n))).unwrap_or(0)
    }

    /// Anything from -`most` to `most`.
    pub fn spread(&mut self, most: f64) -> f64 {
        let part = u32::try_from(self.next() >> 32).unwrap_or(0);
        (f64::from(part) / f64::from(u32::MAX) * 2.0 - 1.0) * most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64_and_stays_in_its_bounds() {
        // the first three numbers of seed 1234567, as published with the algorithm
        let mut r = Random(1_234_567);
        assert_eq!(
            [r.next(), r.next(), r.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
        for _ in 0..1_000 {
            assert!(r.below(7) < 7 && (3..=5).contains(&r.between(3, 5)) && r.spread(0.05).abs() <= 0.05);
        }
        assert_eq!(r.below(0), 0);
    }
}
