//! Interned strings and packed texts: what keeps a million rows in tens of megabytes.

use std::collections::HashMap;

/// A name's number within its `Names`.
pub type Name = u32;

/// Every distinct string once. Number 0 is always the empty string.
#[derive(Debug, Clone)]
pub struct Names {
    list: Vec<String>,
    numbers: HashMap<String, Name>,
}

impl Default for Names {
    fn default() -> Names {
        Names { list: vec![String::new()], numbers: HashMap::from([(String::new(), 0)]) }
    }
}

impl Names {
    /// The number of `name`, new if it was not there.
    pub fn intern(&mut self, name: &str) -> Name {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.list.len() as Name;
        self.list.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The number of a name that is there.
    pub fn find(&self, name: &str) -> Option<Name> {
        self.numbers.get(name).copied()
    }

    pub fn get(&self, number: Name) -> &str {
        self.list.get(number as usize).map_or("", String::as_str)
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.len() == 1
    }

    /// For each of `other`'s numbers, the number here.
    pub fn absorb(&mut self, other: &Names) -> Vec<Name> {
        other.list.iter().map(|name| self.intern(name)).collect()
    }
}

/// Many short texts in one buffer.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    pub fn append(&mut self, other: Texts) {
        let base = self.bytes.len();
        self.bytes.push_str(&other.bytes);
        self.ends.extend(other.ends.into_iter().map(|end| base + end));
    }

    pub fn get(&self, at: usize) -> &str {
        let Some(&end) = self.ends.get(at) else { return "" };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..end]
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}
