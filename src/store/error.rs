//! Store errors, one kind for each reaction.

/// What went wrong with a path of a store; `place` is the URI as the user would type it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`{place}` does not exist")]
    NotFound { place: String },
    /// A full disk or an exhausted quota: stop, make room, run again.
    #[error("no space left to write `{place}`")]
    Full { place: String },
    /// Bytes that are not what they should be.
    #[error("`{place}` is damaged: {what}")]
    Damaged { place: String, what: String },
    /// A URI or a setting of it that cannot be used.
    #[error("`{place}` cannot be opened: {what}")]
    Location { place: String, what: String },
    /// Anything else the store said.
    #[error("`{place}`: {what}")]
    Other { place: String, what: String },
}
