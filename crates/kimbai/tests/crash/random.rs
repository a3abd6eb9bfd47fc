//! Random numbers that a seed gives again.

/// `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    /// From `KIMBAI_TEST_SEED`, or a new one; it is said, so that a failure can be understood.
    pub(crate) fn seeded() -> Self {
        let given = std::env::var_os("KIMBAI_TEST_SEED");
        let seed = given.map_or_else(kimbai_keyring::random_u64, |seed| seed.to_str().unwrap().parse().unwrap());
        crate::fixture::say(&format!("KIMBAI_TEST_SEED={seed}"));
        Self(seed)
    }

    /// A number in this range.
    pub(crate) fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (mixed ^ (mixed >> 31)) % (range.end - range.start)
    }
}
