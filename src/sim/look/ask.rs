//! A checklist's question -> what it asks of the pixels.

use crate::record::{AtomKind, Region, Size};
use crate::sim::scene::{self, Group, lexicon};

/// What a question asks of a picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    Exists(Group),
    Count {
        group: Group,
        least: u32,
        most: u32,
    },
    Color {
        class: String,
        color: &'static str,
    },
    Material {
        class: String,
        material: &'static str,
    },
    Place {
        group: Group,
        region: Region,
    },
    Relation {
        subject: Group,
        region: Region,
        object: Group,
    },
    Size {
        group: Group,
        size: Size,
    },
    Lettering(String),
    /// A question about style, mood or knowledge that pixels of this world cannot answer.
    Beyond,
}

impl Ask {
    /// Understands a question, falling back to the expected answer's words.
    pub fn of(question: &str, expected: &str) -> Ask {
        match Ask::read(question) {
            Ask::Beyond => Ask::read(expected),
            ask => ask,
        }
    }

    fn read(question: &str) -> Ask {
        let meaning = scene::parse(question);
        if let Some(text) = meaning.text {
            return Ask::Lettering(text);
        }
        let lower = question.to_lowercase();
        if let Some(group) = meaning.exclude.first() {
            return Ask::Count { group: group.clone(), least: 0, most: 0 };
        }
        let mut groups = meaning.groups;
        if groups.is_empty() {
            return Ask::Beyond;
        }
        let first = groups.remove(0);
        if let (Some(r), Some(object)) = (meaning.relations.first(), groups.first()) {
            return Ask::Relation { subject: first, region: r.region, object: object.clone() };
        }
        Ask::of_group(first, &lower)
    }

    fn of_group(group: Group, lower: &str) -> Ask {
        let trailing = scene::words(lower).pop();
        let said = group.color.or(trailing.as_deref().and_then(lexicon::color));
        if lower.contains("free of") {
            return Ask::Count { group, least: 0, most: 0 };
        }
        let n = group.count.unwrap_or(1);
        if lower.contains("fewer than") {
            return Ask::Count { group, least: 0, most: n.saturating_sub(1) };
        }
        if lower.contains("exactly") {
            return Ask::Count { group, least: n, most: n };
        }
        if let Some(size) = group.size {
            return Ask::Size { group, size };
        }
        if let Some(region) = group.region {
            return Ask::Place { group, region };
        }
        if let (Some(material), true) = (group.material, lower.contains("made of")) {
            return Ask::Material { class: group.class, material };
        }
        let about_color = lower.starts_with("is every") || lower.starts_with("are ");
        match said {
            Some(color) if about_color => Ask::Color { class: group.class, color },
            _ => Ask::Exists(group),
        }
    }

    /// The kind of atom that asks this.
    pub fn kind(&self) -> AtomKind {
        match self {
            Ask::Exists(_) => AtomKind::Object,
            Ask::Count { most: 0, .. } => AtomKind::Negation,
            Ask::Count { .. } => AtomKind::Count,
            Ask::Color { .. } => AtomKind::Color,
            Ask::Material { .. } => AtomKind::Attribute,
            Ask::Place { .. } => AtomKind::Region,
            Ask::Relation { .. } => AtomKind::Relation,
            Ask::Size { .. } => AtomKind::Size,
            Ask::Lettering(_) => AtomKind::Text,
            Ask::Beyond => AtomKind::Style,
        }
    }

    /// The class that is asked about.
    pub fn class(&self) -> Option<&str> {
        match self {
            Ask::Exists(g)
            | Ask::Count { group: g, .. }
            | Ask::Place { group: g, .. }
            | Ask::Size { group: g, .. } => Some(&g.class),
            Ask::Relation { subject, .. } => Some(&subject.class),
            Ask::Color { class, .. } | Ask::Material { class, .. } => Some(class),
            Ask::Lettering(_) | Ask::Beyond => None,
        }
    }
}
