//! The pictures of a RUN (`blobs/`): which are there, and whether they are what their names say.

use crate::archive::error::ArchiveError;
use crate::record::Digest;
use crate::store::{Blobs, Layout, Store};

/// Every picture that is there, with its bytes as listed; in the order of the digests.
pub async fn list(store: &Store) -> Result<Vec<(Digest, u64)>, ArchiveError> {
    let names = store.list(Layout::BLOBS).await?.into_iter();
    let digest = |name: &str| name.rsplit('/').next().and_then(|hex| hex.parse().ok());
    Ok(names.filter_map(|(name, size)| Some((digest(&name)?, size))).collect())
}

/// What is wrong with a picture's bytes; None when they hash to its name.
pub async fn fault(store: &Store, digest: Digest) -> Option<String> {
    match store.get(&Blobs::name(digest)).await {
        Ok(bytes) if Digest::of(&bytes) != digest => {
            Some(format!("its bytes hash to {}", Digest::of(&bytes)))
        }
        Ok(_) => None,
        Err(err) => Some(err.to_string()),
    }
}
