//! A local folder's files by names, where some name is no text: the others are listed all the same.

use crate::store::Store;
use std::path::Path;

/// Folders within folders; deeper ones are a circle of links.
const DEEPEST: u32 = 64;

/// What a walk has met.
#[derive(Default)]
pub(super) struct Walked {
    /// Relative to where it began, with sizes.
    pub files: Vec<(String, u64)>,
    /// Names that are no text, as far as they can be shown.
    pub odd: Vec<String>,
}

/// Walks `root`, whose files are named from `prefix` on.
pub(super) fn walk(root: &Path, prefix: &str) -> Walked {
    let mut walked = Walked::default();
    step(root, prefix.trim_matches('/'), DEEPEST, &mut walked);
    walked
}

fn step(folder: &Path, prefix: &str, left: u32, walked: &mut Walked) {
    let (Some(next), Ok(entries)) = (left.checked_sub(1), std::fs::read_dir(folder)) else {
        return;
    };
    for entry in entries.flatten() {
        let joined = |name: &str| match prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            walked.odd.push(joined(&name.to_string_lossy()));
            continue;
        };
        // Gone meanwhile, or a link that leads nowhere.
        let Ok(meta) = std::fs::metadata(entry.path()) else { continue };
        if meta.is_dir() {
            step(&entry.path(), &joined(name), next, walked);
        } else if meta.is_file() && !super::location::is_staging(name) {
            walked.files.push((joined(name), meta.len()));
        }
    }
}

impl Store {
    /// Names in a local folder that are no text and so cannot be read by name, as far as they can be
    /// shown; sorted.
    pub fn odd_names(&self, prefix: &str) -> Vec<String> {
        let Some(folder) = self.local_path(prefix) else { return Vec::new() };
        let mut odd = walk(&folder, prefix).odd;
        odd.sort_unstable();
        odd
    }
}
