//! Prices and what a reply costs by them, in whole nano-dollars.
//!
//! The one idea: money is integers (nano-dollars per million tokens), so that sums are exact and
//! do not depend on their order.

use crate::call::Usage;
use crate::record::NanoUsd;

/// Dollars as people write them: per million tokens, per image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prices {
    /// Per million tokens.
    pub input: NanoUsd,
    /// Per million tokens.
    pub output: NanoUsd,
    /// Per million input tokens read from the server's cache.
    pub cached: NanoUsd,
    /// Per million tokens of thinking.
    pub thinking: NanoUsd,
    /// Per image.
    pub image: NanoUsd,
}

impl Prices {
    /// What `usage` costs, rounded half up to a nano-dollar.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        let cached = usage.cached.min(usage.input);
        let tokens = [
            (usage.input - cached, self.input),
            (cached, self.cached),
            (usage.output, self.output),
            (usage.thinking, self.thinking),
        ];
        let micro: u128 =
            tokens.iter().map(|(n, price)| u128::from(*n) * u128::from(price.0)).sum();
        let tokens = u64::try_from((micro + 500_000) / 1_000_000).unwrap_or(u64::MAX);
        NanoUsd(tokens.saturating_add(usage.images.saturating_mul(self.image.0)))
    }

    pub fn is_free(&self) -> bool {
        *self == Prices::default()
    }
}

#[cfg(test)]
mod tests {
    use super::Prices;
    use crate::call::Usage;
    use crate::record::NanoUsd;

    #[test]
    fn tokens_are_priced_by_kind() {
        let usd = NanoUsd::from_usd;
        let prices = Prices {
            input: usd(1.25),
            output: usd(10.0),
            cached: usd(0.31),
            thinking: usd(10.0),
            image: usd(0.04),
        };
        let usage = Usage { input: 1000, cached: 200, output: 50, thinking: 400, images: 2 };
        // 800 * 1250 + 200 * 310 + 450 * 10000 + 2 * 40_000_000
        assert_eq!(prices.cost(&usage), NanoUsd(1_000_000 + 62_000 + 4_500_000 + 80_000_000));
    }
}
