//! Places, relations and comparisons: "on the left", "above the cow", "larger than".

use crate::record::{Region, Size};
use crate::sim::scene::parse::{Pending, Reader};

/// Words for places.
const SIDES: [(&str, Region); 14] = [
    ("left", Region::Left),
    ("left-hand", Region::Left),
    ("right", Region::Right),
    ("right-hand", Region::Right),
    ("top", Region::Above),
    ("upper", Region::Above),
    ("above", Region::Above),
    ("over", Region::Above),
    ("bottom", Region::Below),
    ("lower", Region::Below),
    ("below", Region::Below),
    ("under", Region::Below),
    ("beneath", Region::Below),
    ("underneath", Region::Below),
];

impl Reader<'_> {
    /// "left of", "on the left", "in the upper half", "above".
    pub(super) fn place(&mut self) -> bool {
        let mut skip = 0;
        if matches!(self.word(0), "on" | "to" | "at" | "in") {
            skip = if matches!(self.word(1), "the" | "its") { 2 } else { 1 };
        }
        if self.word(skip) == "far" {
            skip += 1;
        }
        let found = SIDES.into_iter().find(|(word, _)| *word == self.word(skip));
        let Some((word, region)) = found else {
            return false;
        };
        let mut end = skip + 1;
        while matches!(self.word(end), "side" | "half" | "part" | "area" | "edge") {
            end += 1;
        }
        let names_next = self.names_next(word, end, skip == 0);
        self.at += end;
        if names_next {
            if let Some(last) = self.last {
                self.relation = Some((last, region));
            }
            self.pending = Pending::default();
        } else if skip > 0 || !is_over(word) {
            self.skip_canvas();
            self.set_region(region);
        }
        true
    }

    /// Does the place `word`, which ends before `end`, name what it is a place of?
    fn names_next(&self, word: &str, end: usize, bare: bool) -> bool {
        match (self.word(end), self.word(end + 1), self.word(end + 2)) {
            ("of", "the", w) | ("of", w, _) => !is_canvas(w),
            _ => {
                let joins = !self.tokens.get(self.at + end).is_none_or(|t| t.clause);
                bare && joins && (is_over(word) || matches!(word, "above" | "below"))
            }
        }
    }

    /// Passes over "of the picture".
    fn skip_canvas(&mut self) {
        let skip = match (self.word(0), self.word(1), self.word(2)) {
            ("of", "the", w) if is_canvas(w) => 3,
            ("of", w, _) if is_canvas(w) => 2,
            _ => 0,
        };
        self.at += skip;
    }

    fn set_region(&mut self, region: Region) {
        match self.last.and_then(|i| self.meaning.groups.get_mut(i)) {
            Some(group) => {
                if group.region == Some(region) {
                    group.stress.place += 1;
                } else if group.region.is_none() {
                    group.region = Some(region);
                }
            }
            None => self.ahead = Some(region),
        }
    }

    /// "larger than", "smaller than"; else a size adjective.
    pub(super) fn compare(&mut self) -> bool {
        let size = match self.word(0) {
            "larger" | "bigger" | "large" | "big" | "huge" | "giant" | "enormous" | "oversized"
            | "taller" => Size::Larger,
            "smaller" | "small" | "tiny" | "little" | "miniature" | "shorter" => Size::Smaller,
            _ => return false,
        };
        if self.word(1) == "than" {
            if let Some(last) = self.last {
                self.comparison = Some((last, size));
            }
            self.pending = Pending::default();
            self.at += 2;
        } else {
            self.pending.size = Some(size);
            self.at += 1;
        }
        true
    }
}

/// A place word that is no place by itself.
fn is_over(word: &str) -> bool {
    matches!(word, "over" | "under" | "beneath" | "underneath")
}

fn is_canvas(word: &str) -> bool {
    matches!(word, "picture" | "image" | "frame" | "scene" | "photo" | "canvas" | "composition")
}
