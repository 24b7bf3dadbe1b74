//! Specs drawn from a vocabulary: what synthetic prompts ask for, before a model makes riddles of
//! them. `text::gloss` says a spec plainly.
//!
//! A draw is a pure function of a stream of numbers that the caller keys, so that the n-th synthetic
//! prompt of a category is the same in every run and shard.

mod draw;
mod vocabulary;

pub use vocabulary::{Style, Vocabulary};

use crate::record::Spec;

/// A spec and the style in which it is to be riddled.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    pub spec: Spec,
    /// Index into `Vocabulary::styles`.
    pub style: usize,
}

/// Uniform numbers, from `env::Rng::next_u64` keyed by the caller.
pub type Chance<'a> = &'a mut dyn FnMut() -> u64;

impl Vocabulary {
    /// One category by weight, for mixed draws. None when no weight is positive.
    pub fn pick_category(&self, chance: Chance) -> Option<&str> {
        let total: f64 = self.weights().map(|(_, w)| w).sum();
        let mut at = draw::unit(chance) * total;
        let mut last = None;
        for (name, weight) in self.weights().filter(|(_, w)| *w > 0.0) {
            last = Some(name);
            if at < weight {
                break;
            }
            at -= weight;
        }
        last
    }

    /// A spec of `category` with a style. None when there is no such category, or when 200 draws in
    /// a row met a held-out combination.
    pub fn draw(&self, category: &str, chance: Chance) -> Option<Drawn> {
        let recipe = self.recipe(category)?;
        let spec = (0..200)
            .map(|_| draw::spec(self, recipe, chance))
            .find(|spec| !self.is_held_out(spec))?;
        Some(Drawn { spec, style: draw::below(chance, self.styles().len()) })
    }
}
