//! Standard input in a scratch file that goes with the process.

use crate::store::StoreError;
use crate::store::error::from_io;
use std::io::{Read, Write};
use std::sync::OnceLock;

static SPOOLED: OnceLock<Result<String, StoreError>> = OnceLock::new();

/// The path of a file that holds all of standard input; `name` gives the file's name by how it
/// begins. It is read once, however often it is asked for.
pub fn spool_stdin(name: fn(&[u8]) -> &'static str) -> Result<String, StoreError> {
    let spool = || spool(name).map_err(|e| from_io("standard input".to_owned(), &e));
    SPOOLED.get_or_init(spool).clone()
}

/// Deletes what `spool_stdin` has put there; for the end of the process.
pub fn forget_stdin() {
    if let Some(Ok(path)) = SPOOLED.get()
        && let Some(folder) = std::path::Path::new(path).parent()
    {
        // What cannot be deleted stays in the system's scratch folder.
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn spool(name: fn(&[u8]) -> &'static str) -> std::io::Result<String> {
    let mut input = std::io::stdin().lock();
    let mut head = Vec::new();
    (&mut input).take(4096).read_to_end(&mut head)?;
    let folder = tempfile::Builder::new().prefix("coldstart-").tempdir()?.keep();
    let path = folder.join(name(&head));
    let mut file = std::fs::File::create(&path)?;
    file.write_all(&head)?;
    std::io::copy(&mut input, &mut file)?;
    Ok(path.to_string_lossy().into_owned())
}
