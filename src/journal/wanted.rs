//! Which calls a reader is to know of: all, or the few of one record.
//!
//! Looking up ten calls of a million needs no index of a million: the lists that close merged
//! segments are skimmed for the ten.

use crate::journal::bytes::Short;
use crate::journal::frame::Walked;
use crate::journal::index::Uniform;
use std::collections::HashSet;
use std::hash::BuildHasherDefault;

/// See the module's header.
pub(super) struct Wanted(Option<HashSet<Short, BuildHasherDefault<Uniform>>>);

impl Wanted {
    pub const ALL: Wanted = Wanted(None);

    pub fn these(keys: impl Iterator<Item = Short>) -> Wanted {
        Wanted(Some(keys.collect()))
    }

    /// Damage concerns everybody: what it hit may have been any call.
    pub fn has_item(&self, item: &Walked) -> bool {
        match item {
            Walked::Frame(place) => self.has(&place.key),
            Walked::Damage { .. } => true,
        }
    }

    pub fn has(&self, key: &Short) -> bool {
        self.0.as_ref().is_none_or(|these| these.contains(key))
    }
}
