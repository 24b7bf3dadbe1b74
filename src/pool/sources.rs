//! The list of sources (`[[source]]` tables of `stages/<pipeline>/pool.toml`), checked whole: every
//! fault with its place in the file, before anything is opened.

use crate::pool::SourceOptions;
use crate::pool::open::name_of;

/// Several sources, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sources {
    pub list: Vec<PoolSource>,
}

/// One source.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSource {
    /// A path or URI.
    pub path: String,
    /// Its share when sources are mixed, relative to the others; positive.
    pub weight: f64,
    pub options: SourceOptions,
}

impl Sources {
    /// A single source with default options: what `--pool PATH` means.
    pub fn one(path: &str) -> Sources {
        let mut sources = Sources::default();
        sources.add(path);
        sources
    }

    /// Adds a source with default options. A record's id is made of its source's name, so a name
    /// that is taken already (`a/x.jsonl` and `b/x.jsonl`) is numbered.
    pub fn add(&mut self, path: &str) {
        let plain = name_of(path);
        let taken = |name: &String| self.list.iter().any(|s| s.options.name == *name);
        let numbered = (2..).map(|n| format!("{plain}_{n}"));
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !taken(name));
        let options = SourceOptions { name: name.unwrap_or(plain), ..SourceOptions::default() };
        self.list.push(PoolSource { path: path.to_owned(), weight: 1.0, options });
    }
}

#[cfg(test)]
mod tests {
    use super::Sources;
    use crate::diag::{self, Style, render};
    use std::sync::Arc;

    fn parse(text: &str) -> Result<Sources, String> {
        let file = Arc::new(diag::SourceFile { path: "pool.toml".into(), text: text.into() });
        Sources::parse(&file).map_err(|found| render(&found, Style::Plain))
    }

    #[test]
    fn a_whole_file_is_read() {
        let sources = parse(
            "kind = \"read_pool\"\n[[source]]\npath = \"a/x.jsonl\"\nweight = 2\ncap = 5\n\
             fields = { prompt = \"q\" }\ncategories = { a = \"b\", \"*\" = \"c\" }\nimages = \"skip\"\n\
             [[source]]\npath = \"s3://b/t\"\nname = \"t\"\nformat = \"jsonl\"\non_bad = \"stop\"\n",
        )
        .unwrap();
        assert_eq!(sources.list.len(), 2);
        assert_eq!(sources.list[0].options.name, "x");
        assert_eq!(sources.list[0].options.fields.prompt.as_deref(), Some("q"));
        assert_eq!(parse("about = \"x\"").unwrap().list, []);
    }

    #[test]
    fn equal_names_are_told_apart() {
        let mut sources = Sources::one("a/x.jsonl");
        ["b/x.jsonl.gz", "c/y.csv", "s3://d/x.tar"].iter().for_each(|path| sources.add(path));
        let names: Vec<&str> = sources.list.iter().map(|s| s.options.name.as_str()).collect();
        assert_eq!(names, ["x", "x_2", "y", "x_3"]);
    }

    #[test]
    fn every_fault_is_said_at_once() {
        let said = parse(
            "[[source]]\npaht = \"x\"\n[[source]]\npath = \"a\"\nformat = \"jsnol\"\nweight = -1\n\
             images = \"lod\"\nfields = { promt = \"q\" }\n[[source]]\npath = \"b/a\"\ncap = \"x\"\n",
        )
        .unwrap_err();
        for part in [
            "`paht`",
            "`path`",
            "no `path`",
            "`jsonl`",
            "`weight`",
            "`load`",
            "`prompt`",
            "`cap`",
            "two sources",
        ] {
            assert!(said.contains(part), "{part} is missing in\n{said}");
        }
    }
}
