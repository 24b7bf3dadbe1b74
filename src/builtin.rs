//! The project that is built into the program: stages, templates and data, so that it needs no
//! checkout. `plan` compiles from it, `store` opens it as `builtin://`, `coldstart init` writes it
//! out to be changed. Paths are those of a checkout, so a built-in project and a checkout of the
//! same version have one identity.

use include_dir::{Dir, include_dir};

static STAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/stages");
static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");
static DATA: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/data");

/// What of `data/` is no project's to change: texts of exports and list prices, which the program
/// reads from itself.
const NOT_A_PROJECTS: &[&str] = &["data/export/", "data/prices.toml"];

/// The scheme of a URI into the built-in project: `builtin://data/pool`.
pub const SCHEME: &str = "builtin";

/// Every file by its path from the project's root, sorted.
pub fn files() -> Vec<(String, &'static [u8])> {
    let mut out = Vec::new();
    for (name, dir) in [("stages", &STAGES), ("templates", &TEMPLATES), ("data", &DATA)] {
        collect(name, dir, &mut out);
    }
    out.retain(|(path, _)| !NOT_A_PROJECTS.iter().any(|not| path.starts_with(not)));
    out.sort();
    out
}

fn collect(name: &str, dir: &Dir<'static>, out: &mut Vec<(String, &'static [u8])>) {
    for file in dir.files() {
        // `/` on every system: paths are part of a manifest.
        let path: Vec<_> = file.path().iter().map(|part| part.to_string_lossy()).collect();
        out.push((format!("{name}/{}", path.join("/")), file.contents()));
    }
    for below in dir.dirs() {
        collect(name, below, out);
    }
}

/// One file's bytes.
pub fn file(path: &str) -> Option<&'static [u8]> {
    let (top, rest) = path.split_once('/')?;
    let dir = match top {
        "stages" => &STAGES,
        "templates" => &TEMPLATES,
        "data" if !NOT_A_PROJECTS.iter().any(|not| path.starts_with(not)) => &DATA,
        _ => return None,
    };
    dir.get_file(rest).map(include_dir::File::contents)
}

/// The files right in a folder, as paths from the root, sorted.
pub fn list(folder: &str) -> Vec<String> {
    let prefix = format!("{}/", folder.trim_end_matches('/'));
    let below = |path: &str| path.strip_prefix(&prefix).is_some_and(|rest| !rest.contains('/'));
    files().into_iter().map(|(path, _)| path).filter(|path| below(path)).collect()
}

/// The pipelines there are.
pub fn pipelines() -> Vec<String> {
    let mut names: Vec<String> = STAGES.dirs().map(|d| d.path().display().to_string()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn on_disk(folder: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                on_disk(&path, out);
            } else {
                let root = Path::new(env!("CARGO_MANIFEST_DIR"));
                out.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }

    #[test]
    fn what_is_built_in_is_what_the_checkout_holds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut expected = Vec::new();
        for folder in ["stages", "templates", "data"] {
            on_disk(&root.join(folder), &mut expected);
        }
        expected.retain(|p| !super::NOT_A_PROJECTS.iter().any(|not| p.starts_with(not)));
        expected.sort();
        let files = super::files();
        let names: Vec<&String> = files.iter().map(|(path, _)| path).collect();
        assert_eq!(
            names,
            expected.iter().collect::<Vec<_>>(),
            "touch src/builtin.rs and build again"
        );
        for (path, bytes) in &files {
            assert_eq!(std::fs::read(root.join(path)).unwrap(), *bytes, "{path}");
            assert_eq!(super::file(path), Some(*bytes), "{path}");
        }
    }

    #[test]
    fn texts_of_exports_are_no_files_of_a_project() {
        assert!(super::file("data/prices.toml").is_none());
        assert!(super::file("../Cargo.toml").is_none());
        assert!(super::list("data/export").is_empty());
        assert!(super::list("stages/paper").contains(&"stages/paper/pool.toml".to_owned()));
        assert!(super::pipelines().contains(&"paper".to_owned()));
    }
}
