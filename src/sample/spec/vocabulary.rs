//! `data/vocabulary.toml`: objects, attributes, what each category draws, styles, and combinations
//! that are never drawn. Checked whole, with places.

use crate::diag::{Diagnostic, SourceFile};
use crate::record::{Region, Size, Spec, SpecObject};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;

/// A checked vocabulary: every list that a category draws from has something in it.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    pub(super) file: File,
}

/// How a spec is turned into a riddle.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Style {
    /// One word, for reports.
    pub name: String,
    /// What the writer model is told.
    pub brief: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub counts: Vec<u32>,
    pub colors: Vec<String>,
    pub regions: Vec<Region>,
    pub sizes: Vec<Size>,
    #[serde(default)]
    pub materials: Vec<String>,
    #[serde(default)]
    pub relations: Vec<Region>,
    #[serde(default)]
    pub texts: Vec<String>,
    /// Groups are for the reader; objects of all are drawn alike.
    pub objects: BTreeMap<String, Vec<String>>,
    /// What is known of a class: facts by which a riddle can name it.
    #[serde(default)]
    pub knowledge: BTreeMap<String, Spanned<Vec<String>>>,
    pub weights: BTreeMap<String, Spanned<f64>>,
    pub category: BTreeMap<String, Spanned<Recipe>>,
    pub style: Vec<Style>,
    #[serde(default)]
    pub held_out: Vec<Spanned<HeldOut>>,
}

/// What a category's specs hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    /// Least and most kinds of object.
    pub objects: [usize; 2],
    /// Least and most of a kind; one where absent.
    #[serde(default)]
    pub count: Option<[u32; 2]>,
    #[serde(default)]
    pub color: Share,
    #[serde(default)]
    pub material: Share,
    /// The first two objects stand on opposite sides.
    #[serde(default)]
    pub region: Share,
    /// Of the first two objects one is larger.
    #[serde(default)]
    pub size: Share,
    #[serde(default)]
    pub text: Share,
    /// The first object stands to a side of the second (and any others anywhere).
    #[serde(default)]
    pub relation: Share,
    /// Only objects of which something is known.
    #[serde(default)]
    pub knowledge: Share,
}

/// `true`, `false`, or a probability.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(from = "ShareForm")]
pub(super) struct Share(pub f64);

#[derive(Deserialize)]
#[serde(untagged)]
enum ShareForm {
    Always(bool),
    Often(f64),
}

impl From<ShareForm> for Share {
    fn from(form: ShareForm) -> Share {
        match form {
            ShareForm::Always(on) => Share(f64::from(u8::from(on))),
            ShareForm::Often(p) => Share(p),
        }
    }
}

/// Attributes that no single object may have all together.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeldOut {
    pub class: Option<String>,
    pub count: Option<u32>,
    pub color: Option<String>,
    pub region: Option<Region>,
    pub size: Option<Size>,
    pub material: Option<String>,
}

impl HeldOut {
    /// `region`: the object's own, or what a relation gives it.
    fn holds(&self, object: &SpecObject, region: Option<Region>) -> bool {
        fn fits<T: PartialEq>(wanted: &Option<T>, is: Option<&T>) -> bool {
            wanted.as_ref().is_none_or(|w| is == Some(w))
        }
        fits(&self.class, Some(&object.class))
            && fits(&self.count, Some(&object.count))
            && fits(&self.color, object.color.as_ref())
            && fits(&self.region, region.as_ref())
            && fits(&self.size, object.size.as_ref())
            && fits(&self.material, object.material.as_ref())
    }

    fn is_empty(&self) -> bool {
        *self
            == HeldOut {
                class: None,
                count: None,
                color: None,
                region: None,
                size: None,
                material: None,
            }
    }
}

impl Vocabulary {
    /// Reads and checks the file.
    pub fn parse(source: &Arc<SourceFile>) -> Result<Vocabulary, Vec<Diagnostic>> {
        let file: File = toml::from_str(&source.text).map_err(|e| {
            let range = e.span().unwrap_or(0..0);
            vec![Diagnostic::error("V01", e.message().to_owned()).at(source, range, "read here")]
        })?;
        let found = check(&file, source);
        if found.is_empty() { Ok(Vocabulary { file }) } else { Err(found) }
    }

    /// Categories with their weights, in alphabetical order.
    pub fn weights(&self) -> impl Iterator<Item = (&str, f64)> {
        self.file.weights.iter().map(|(name, weight)| (name.as_str(), *weight.get_ref()))
    }

    pub fn styles(&self) -> &[Style] {
        &self.file.style
    }

    /// Whether a spec holds a combination that synthesis never draws.
    pub fn is_held_out(&self, spec: &Spec) -> bool {
        let held = |at: usize, object: &SpecObject| {
            let region = object.region.or_else(|| implied(spec, at));
            self.file.held_out.iter().any(|h| h.get_ref().holds(object, region))
        };
        spec.include.iter().enumerate().any(|(at, object)| held(at, object))
    }

    /// What is known of the objects of a spec, a line each; empty where `category` asks for none.
    pub fn facts(&self, category: &str, spec: &Spec) -> String {
        let asked = self.recipe(category).is_some_and(|recipe| recipe.knowledge.0 > 0.0);
        let known = spec.include.iter().filter(|_| asked).filter_map(|object| {
            let facts = self.file.knowledge.get(&object.class)?;
            Some(format!("{}: {}", object.class, facts.get_ref().join("; or ")))
        });
        known.collect::<Vec<_>>().join("\n")
    }

    pub(super) fn recipe(&self, category: &str) -> Option<&Recipe> {
        self.file.category.get(category).map(Spanned::get_ref)
    }
}

/// Where a relation puts the object.
fn implied(spec: &Spec, at: usize) -> Option<Region> {
    spec.relations.iter().find_map(|r| match at {
        _ if r.subject == at => Some(r.region),
        _ if r.object == at => Some(opposite(r.region)),
        _ => None,
    })
}

pub(super) fn opposite(region: Region) -> Region {
    match region {
        Region::Left => Region::Right,
        Region::Right => Region::Left,
        Region::Above => Region::Below,
        Region::Below => Region::Above,
    }
}

fn check(file: &File, source: &Arc<SourceFile>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let classes: Vec<&str> = file.objects.values().flatten().map(String::as_str).collect();
    for (name, empty) in [
        ("counts", file.counts.is_empty()),
        ("objects", classes.is_empty()),
        ("style", file.style.is_empty()),
        ("weights", !file.weights.values().any(|w| *w.get_ref() > 0.0)),
    ] {
        if empty {
            found.push(Diagnostic::error("V02", format!("`{name}` has nothing to draw from")));
        }
    }
    for (name, weight) in &file.weights {
        let value = *weight.get_ref();
        if !value.is_finite() || value < 0.0 {
            let title = format!("the weight of `{name}` is not a number of at least 0");
            found.push(Diagnostic::error("V03", title).at(source, weight.span(), ""));
        }
        if !file.category.contains_key(name) {
            let title = format!("`weights` names a category `{name}` that is not described");
            let known = file.category.keys().map(String::as_str);
            found.push(
                Diagnostic::error("V04", title).at(source, weight.span(), "").suggest(name, known),
            );
        }
    }
    for (name, recipe) in &file.category {
        for fault in faults(recipe.get_ref(), file, classes.len()) {
            let title = format!("category `{name}`: {fault}");
            found.push(Diagnostic::error("V05", title).at(source, recipe.span(), ""));
        }
    }
    for (class, facts) in &file.knowledge {
        if !classes.contains(&class.as_str()) {
            let title = format!("`knowledge` has facts of `{class}`, which is not in `objects`");
            let known = classes.iter().copied();
            found.push(
                Diagnostic::error("V07", title).at(source, facts.span(), "").suggest(class, known),
            );
        }
        if facts.get_ref().iter().all(|fact| fact.trim().is_empty()) {
            let title = format!("`knowledge` has nothing to say of `{class}`");
            found.push(Diagnostic::error("V07", title).at(source, facts.span(), ""));
        }
    }
    for held in &file.held_out {
        let h = held.get_ref();
        if h.is_empty() {
            let title = "a held-out combination without attributes would hold out everything";
            found.push(Diagnostic::error("V06", title).at(source, held.span(), ""));
        }
        if let Some(class) = h.class.as_deref().filter(|c| !classes.contains(c)) {
            let title =
                format!("a held-out combination names `{class}`, which is not in `objects`");
            let known = classes.iter().copied();
            found.push(
                Diagnostic::error("V06", title).at(source, held.span(), "").suggest(class, known),
            );
        }
    }
    found
}

/// What cannot be drawn of a recipe.
fn faults(recipe: &Recipe, file: &File, classes: usize) -> Vec<String> {
    let mut out = Vec::new();
    let [least, most] = recipe.objects;
    if least == 0 || least > most || most > classes {
        out.push(format!("`objects` is not a range within 1 to {classes}"));
    }
    if let Some([low, high]) = recipe.count
        && !file.counts.iter().any(|n| (low..=high).contains(n))
    {
        out.push(format!("no number of `counts` is within {low} to {high}"));
    }
    let pairs = [recipe.region, recipe.size, recipe.relation].iter().any(|share| share.0 > 0.0);
    if pairs && least < 2 {
        out.push("`region`, `size` and `relation` need two kinds of object at least".to_owned());
    }
    if recipe.knowledge.0 > 0.0 && most > file.knowledge.len() {
        out.push(format!("of {most} kinds of object, `knowledge` knows {}", file.knowledge.len()));
    }
    for (name, share, empty) in [
        ("color", recipe.color, file.colors.is_empty()),
        ("material", recipe.material, file.materials.is_empty()),
        ("region", recipe.region, file.regions.is_empty()),
        ("size", recipe.size, file.sizes.is_empty()),
        ("text", recipe.text, file.texts.is_empty()),
        ("relation", recipe.relation, file.relations.is_empty()),
        ("knowledge", recipe.knowledge, file.knowledge.is_empty()),
    ] {
        if !(0.0..=1.0).contains(&share.0) {
            out.push(format!("`{name}` is neither true, false nor a share from 0 to 1"));
        }
        if share.0 > 0.0 && empty {
            out.push(format!("`{name}` has nothing to draw from"));
        }
    }
    out
}
