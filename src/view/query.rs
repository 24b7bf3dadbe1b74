//! Filters as they stand in an address, so that a view can be shared as a link.

use serde::{Deserialize, Serialize};

/// What to show of a stage's rows or of all records. Empty fields do not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Words that must all be in the prompt or the note (or the start of an id).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub q: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub disposition: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub port: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub category: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// One of `SORTS`; else the table's order.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sort: String,
    /// `grid`: as pictures; else as lines.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub view: String,
    /// From 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub page: usize,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// Orders of every list; a minus turns one round.
pub const SORTS: [&str; 8] =
    ["score", "-score", "cost", "-cost", "category", "-category", "prompt", "-prompt"];

/// Rows on a page.
pub const PAGE: usize = 50;

impl Filter {
    /// `?a=b&c=d`, or nothing when nothing is set.
    pub fn query(&self) -> String {
        let fields = [
            ("q", &self.q),
            ("disposition", &self.disposition),
            ("port", &self.port),
            ("reason", &self.reason),
            ("category", &self.category),
            ("source", &self.source),
            ("sort", &self.sort),
            ("view", &self.view),
        ];
        let page = if self.page > 0 { self.page.to_string() } else { String::new() };
        address(fields.into_iter().chain([("page", &page)]))
    }

    /// The same records as pictures, or as lines.
    pub fn shown_as(&self, view: &str) -> Filter {
        Filter { view: view.to_owned(), page: 0, ..self.clone() }
    }

    pub fn is_grid(&self) -> bool {
        self.view == "grid"
    }

    pub fn at(&self, page: usize) -> Filter {
        Filter { page, ..self.clone() }
    }

    /// The first row of its page.
    pub fn first(&self) -> usize {
        self.page.saturating_mul(PAGE)
    }

    /// The words to look for, in lower case.
    pub fn words(&self) -> Vec<String> {
        self.q.split_whitespace().map(str::to_lowercase).collect()
    }
}

/// What to show of two RUNs' records. Empty fields do not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Versus {
    /// Words that must all be in the prompt (or the start of an id).
    pub q: String,
    /// How the two differ: `changed`, `said`, …
    pub what: String,
    /// A stage at which they differ.
    pub at: String,
    /// `grid`: with pictures.
    pub view: String,
    /// From 0.
    pub page: usize,
}

impl Versus {
    /// `?a=b&c=d`, or nothing when nothing is set.
    pub fn query(&self) -> String {
        let fields = [("q", &self.q), ("what", &self.what), ("at", &self.at), ("view", &self.view)];
        let page = if self.page > 0 { self.page.to_string() } else { String::new() };
        address(fields.into_iter().chain([("page", &page)]))
    }
}

/// The query of all fields that are set.
fn address<'a>(fields: impl Iterator<Item = (&'a str, &'a String)>) -> String {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.filter(|(_, value)| !value.is_empty()) {
        out.append_pair(name, value);
    }
    let query = out.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_the_whole_filter() {
        let filter = Filter {
            q: "red & <b>\"".to_owned(),
            reason: "no_tool_call".to_owned(),
            page: 3,
            ..Filter::default()
        };
        let query = filter.query();
        assert_eq!(query, "?q=red+%26+%3Cb%3E%22&reason=no_tool_call&page=3");
        assert_eq!(Filter::default().query(), "");
    }
}
