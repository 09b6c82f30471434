//! Chance that can be repeated: the same seed draws the same numbers, on every machine and in every run.

/// A small generator (`SplitMix64`). It is good enough to decide what goes wrong, and for nothing else.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    seed: u64,
    state: u64,
}

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to below 1.
    pub(super) fn fraction(&mut self) -> f64 {
        let bits = u32::try_from(self.bits() >> 32).unwrap_or(u32::MAX);
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_again_and_another_one_something_else() {
        let drawn = |seed| {
            let mut draw = Draw::new(seed);
            (0..1000).map(|_| draw.fraction()).collect::<Vec<_>>()
        };
        assert!(drawn(7) == drawn(7) && drawn(7) != drawn(8));
        assert!(drawn(7).iter().all(|drawn| (0.0..1.0).contains(drawn)));
        let fifth = drawn(7).iter().filter(|drawn| **drawn < 0.2).count();
        assert!((150..250).contains(&fifth), "{fifth}");
    }
}
