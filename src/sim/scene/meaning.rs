//! `Meaning`: what a text asks for, as far as it was understood.

use crate::record::{Region, Relation, Size, Spec, SpecObject};
use crate::sim::scene::lexicon;

/// So many things of a class that share attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    pub class: String,
    /// None: said in the plural without a number.
    pub count: Option<u32>,
    pub color: Option<&'static str>,
    pub region: Option<Region>,
    pub size: Option<Size>,
    pub material: Option<&'static str>,
    /// How often each of them was said again ("exactly", "in total", "every clock is red").
    pub stress: Stress,
}

/// How strongly a caption insists on each attribute; a generator errs less on what is restated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stress {
    pub count: u8,
    pub color: u8,
    pub place: u8,
    pub size: u8,
}

/// What a text asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meaning {
    pub groups: Vec<Group>,
    /// Groups that must not be there.
    pub exclude: Vec<Group>,
    /// Over `groups`.
    pub relations: Vec<Relation>,
    pub text: Option<String>,
    /// How often the lettering was quoted again.
    pub text_stress: u8,
    /// Content words that the grammar has no place for, in order.
    pub unparsed: Vec<String>,
}

impl Meaning {
    /// The meaning a spec states; words outside the lexicon are kept as classes of their own.
    pub fn from_spec(spec: &Spec) -> Meaning {
        let group = |o: &SpecObject| Group {
            class: lexicon::noun(&o.class).map_or(o.class.clone(), |n| n.class.to_owned()),
            count: Some(o.count),
            color: o.color.as_deref().and_then(lexicon::color),
            region: o.region,
            size: o.size,
            material: o.material.as_deref().and_then(lexicon::material),
            stress: Stress::default(),
        };
        Meaning {
            groups: spec.include.iter().map(group).collect(),
            exclude: spec.exclude.iter().map(group).collect(),
            relations: spec.relations.clone(),
            text: spec.text.clone(),
            text_stress: 0,
            unparsed: Vec::new(),
        }
    }

    /// The spec that says the same; a plural without a number counts as two.
    pub fn to_spec(&self) -> Spec {
        let object = |g: &Group| SpecObject {
            class: g.class.clone(),
            count: g.count.unwrap_or(2),
            color: g.color.map(str::to_owned),
            region: g.region,
            size: g.size,
            material: g.material.map(str::to_owned),
        };
        Spec {
            include: self.groups.iter().map(object).collect(),
            exclude: self.exclude.iter().map(object).collect(),
            relations: self.relations.clone(),
            text: self.text.clone(),
        }
    }

    /// Nothing at all was understood.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.text.is_none()
    }

    /// The reading can be relied on: something was understood, and little was not.
    pub fn is_clear(&self) -> bool {
        let parts = self.groups.len() * 2 + usize::from(self.text.is_some()) * 2;
        !self.is_empty() && self.unparsed.len() <= parts.min(3)
    }

    /// How many facts a picture must get right.
    pub fn facts(&self) -> usize {
        let of = |g: &Group| {
            1 + usize::from(g.count.is_some_and(|n| n > 1))
                + usize::from(g.color.is_some())
                + usize::from(g.region.is_some())
                + usize::from(g.size.is_some())
                + usize::from(g.material.is_some())
        };
        self.groups.iter().map(of).sum::<usize>()
            + self.relations.len()
            + usize::from(self.text.is_some())
    }
}
