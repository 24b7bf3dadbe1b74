//! Fingerprints of evaluation sets read from files: `.fp`, as `coldstart pool fingerprint` writes them.

use crate::text::decontam::{FingerprintError, Fingerprints};
use std::path::{Path, PathBuf};

/// A file or folder of fingerprints that is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintsError {
    #[error("cannot read fingerprints `{path}`; `coldstart pool fingerprint` makes them")]
    Unreadable {
        path: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("`{path}`")]
    Damaged {
        path: String,
        #[source]
        cause: FingerprintError,
    },
}

/// All sets of `paths` together; of a folder, its `.fp` files in the order of their names.
pub fn read(paths: &[PathBuf]) -> Result<Fingerprints, FingerprintsError> {
    let mut all = Fingerprints::default();
    for path in paths {
        for file in files(path)? {
            let bytes = std::fs::read(&file).map_err(unreadable(&file))?;
            let damaged =
                |cause| FingerprintsError::Damaged { path: file.display().to_string(), cause };
            all.merge(Fingerprints::load(&bytes).map_err(damaged)?);
        }
    }
    Ok(all)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, FingerprintsError> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut files = list().map_err(unreadable(path))?;
    files.retain(|file| file.extension().is_some_and(|ext| ext == "fp"));
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> FingerprintsError {
    let path = path.display().to_string();
    |cause| FingerprintsError::Unreadable { path, cause }
}
