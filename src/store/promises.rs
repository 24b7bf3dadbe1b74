//! What a RUN relies on, tried before the first call is bought.
//!
//! One writer is told from another by put-if-absent alone, and a resumed run finds what was bought by
//! a list. A server that ignores `If-None-Match` answers 200 to both of two writers, and one loses
//! calls that were paid. So both are tried, with an object of a few bytes that is deleted again.

use crate::store::{Created, Store, StoreError};
use bytes::Bytes;

/// Where the tried object lies for a moment.
const FOLDER: &str = "probe";

impl Store {
    /// An error that names the server, unless a second put of one name is refused and a list shows
    /// what was put.
    pub async fn keeps_promises(&self) -> Result<(), StoreError> {
        let name = format!(
            "{FOLDER}/{:016x}{:016x}",
            super::location::entropy(),
            super::location::entropy()
        );
        // A server that cannot do it says so at once; asking ten times would change nothing.
        match self.hasty()?.create(&name, Bytes::from_static(b"one")).await {
            Ok(_) => {}
            Err(error) if lacks_it(&error) => return Err(self.breaks(NOT_KNOWN)),
            // Down or slow: the patient client says so if it lasts.
            Err(_) => {
                if let Err(error) = self.create(&name, Bytes::from_static(b"one")).await {
                    return Err(if lacks_it(&error) { self.breaks(NOT_KNOWN) } else { error });
                }
            }
        }
        let second = self.create(&name, Bytes::from_static(b"two")).await;
        let listed = self.list(FOLDER).await;
        self.delete(&name).await?;
        if second? == Created::New {
            return Err(self.breaks(IGNORED));
        }
        if !listed?.iter().any(|(found, size)| *found == name && *size == 3) {
            return Err(self.breaks("a list does not show an object that was put just before"));
        }
        Ok(())
    }

    fn breaks(&self, what: &str) -> StoreError {
        StoreError::Location {
            place: self.uri(),
            what: format!(
                "{}: {what}; use a server that keeps that, or a local directory",
                self.server().unwrap_or_else(|| "this store".to_owned())
            ),
        }
    }
}

const IGNORED: &str = "it ignores `If-None-Match`: a second put of the same name overwrote the first, \
                       so that two processes on one RUN would lose calls that were paid";
const NOT_KNOWN: &str = "it refuses a put with `If-None-Match` (not implemented), which a RUN needs to \
                         tell two processes apart";

fn lacks_it(error: &StoreError) -> bool {
    let said = error.to_string();
    ["501", "NotImplemented", "Not Implemented", "not implemented", "not yet implemented"]
        .iter()
        .any(|word| said.contains(word))
}
