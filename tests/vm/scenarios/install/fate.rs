//! Chance that can be had again: a scenario prints its seed, and `ARMILLA_SEED` sets it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A seeded source of chance (SplitMix64).
pub(crate) struct Fate(u64);

impl Fate {
    /// Of the seed that is asked for, or of the time.
    pub(crate) fn of_the_day() -> Fate {
        let set = std::env::var("ARMILLA_SEED").ok();
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let seed = set.map_or_else(now, |set| set.parse().expect("ARMILLA_SEED is a number"));
        println!("seed {seed}; ARMILLA_SEED={seed} draws the same");
        Fate(seed)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// So many moments of a stretch of time, in order.
    pub(crate) fn moments(&mut self, count: usize, within: Duration) -> Vec<Duration> {
        let mut moments: Vec<Duration> =
            (0..count).map(|_| within.mul_f64((self.draw() >> 11) as f64 / (1u64 << 53) as f64)).collect();
        moments.sort();
        moments
    }
}
