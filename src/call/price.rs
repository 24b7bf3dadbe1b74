//! Prices and what a reply costs by them, in whole nano-dollars.
//!
//! Money is integers (nano-dollars per million tokens), so that sums are exact and do not depend on
//! their order.

use crate::call::Usage;
use crate::record::NanoUsd;
use std::sync::LazyLock;

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

/// One line of `data/prices.toml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// A model's name, or its beginning and `*`.
    model: String,
    #[serde(default)]
    input: f64,
    #[serde(default)]
    output: f64,
    cached: Option<f64>,
    thinking: Option<f64>,
    #[serde(default)]
    image: f64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// The day on which the list was held against the vendors' pages.
    checked: String,
    price: Vec<Listed>,
}

/// The list that is built in. A test holds that it can be read.
static LIST: LazyLock<List> = LazyLock::new(|| {
    toml::from_str(include_str!("../../data/prices.toml"))
        .unwrap_or(List { checked: String::new(), price: Vec::new() })
});

/// The list's price of `model`, whatever stands before the last `/` of its name, in any case.
pub fn listed(model: &str) -> Option<Prices> {
    let name = model.rsplit('/').next().unwrap_or_default().to_lowercase();
    let fits = |line: &&Listed| {
        let known = line.model.to_lowercase();
        known.strip_suffix('*').map_or(known == name, |head| name.starts_with(head))
    };
    let usd = NanoUsd::from_usd;
    LIST.price.iter().find(fits).map(|line| Prices {
        input: usd(line.input),
        output: usd(line.output),
        cached: usd(line.cached.unwrap_or(line.input)),
        thinking: usd(line.thinking.unwrap_or(line.output)),
        image: usd(line.image),
    })
}

/// The day of the built-in list.
pub fn list_date() -> &'static str {
    &LIST.checked
}

#[cfg(test)]
mod tests {
    use super::{LIST, Prices, list_date, listed};
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

    #[test]
    fn the_list_is_read_and_the_longer_name_is_not_taken_for_the_shorter() {
        assert!(LIST.price.len() >= 5 && list_date().starts_with("20"));
        let pro = listed("google/gemini-2.5-pro-preview-06-05").expect("a price");
        assert_eq!(pro.input, NanoUsd::from_usd(1.25));
        assert_eq!(listed("GEMINI-2.5-PRO"), Some(pro));
        let judge = listed("qwen/qwen3-vl-30b-a3b-instruct").expect("a price");
        assert_eq!(judge.cached, judge.input);
        assert_eq!(listed("gemini-9"), None);
        assert_eq!(listed(""), None);
    }
}
