//! What can go wrong with a journal as a whole, and what is told of a part that cannot be read.

use crate::store::StoreError;

/// A part of the journal that could not be read; everything else is intact.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Damage {
    /// The segment's name.
    pub segment: String,
    pub offset: u64,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another process wrote to this RUN after we opened it.
    #[error(
        "another coldstart process has taken over `{place}`; this one stops, nothing is lost: let \
         the other finish, or stop it and run the same command again"
    )]
    Fenced { place: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}
