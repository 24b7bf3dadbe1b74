//! What stops a source as a whole; a row that cannot be used is a `Bad`, not an error.

use crate::record::Cause;
use crate::store::StoreError;

/// One kind for each reaction.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No reader takes the path, or a reader was named that does not exist.
    #[error("`{uri}`: {what}")]
    Unknown { uri: String, what: String },
    /// A file that is not what it should be.
    #[error("`{uri}`: {cause}")]
    Damaged {
        uri: String,
        #[source]
        cause: Cause,
    },
    /// A bad row in a source whose `on_bad` is `stop`.
    #[error("`{place}`: {reason}; set `on_bad = \"skip\"` to count such rows and go on")]
    Bad { place: String, reason: String },
    /// Our own defect: the reading thread is gone without a word.
    #[error("the reader of `{uri}` stopped without finishing; please report this")]
    Lost { uri: String },
}
