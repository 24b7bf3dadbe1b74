//! Store errors, one kind for each reaction.

/// What went wrong with a path of a store; `place` is the URI as the user would type it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("`{place}` does not exist")]
    NotFound { place: String },
    /// A full disk or an exhausted quota: stop, make room, run again.
    #[error("no space left to write `{place}`; make room and run the same command again")]
    Full { place: String },
    /// Not ours to read or write: permissions, a read-only file system, wrong or missing keys.
    #[error("`{place}` may not be used: {what}; mend its permissions or choose another place")]
    Denied { place: String, what: String },
    /// Bytes that are not what they should be.
    #[error("`{place}` is damaged: {what}")]
    Damaged { place: String, what: String },
    /// Written by a later version of this program. Nothing was changed.
    #[error(
        "`{place}` was written by a newer coldstart (format {format}; this one reads up to \
         {known}); use that version or a later one"
    )]
    Newer { place: String, format: u32, known: u32 },
    /// A URI or a setting of it that cannot be used.
    #[error("`{place}` cannot be opened: {what}")]
    Location { place: String, what: String },
    /// Anything else the store said.
    #[error("`{place}`: {what}")]
    Other { place: String, what: String },
}

/// What S3, Google and Azure say of a bucket that is not there.
const NO_BUCKET: [&str; 3] =
    ["NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound"];

/// What an `object_store` error means to us.
pub(super) fn from_object_store(place: String, error: &object_store::Error) -> StoreError {
    use object_store::Error;
    let said = error.to_string();
    if NO_BUCKET.iter().any(|code| said.contains(code)) {
        let what = "the bucket does not exist; create it, or mend its name".to_string();
        return StoreError::Location { place, what };
    }
    if let Error::NotFound { .. } = error {
        return StoreError::NotFound { place };
    }
    let mut chain: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut what = String::new();
    while let Some(link) = chain {
        if let Some(io) = link.downcast_ref::<std::io::Error>() {
            match from_io(place.clone(), io) {
                StoreError::Other { .. } => {}
                known => return known,
            }
        }
        what = link.to_string();
        chain = link.source();
    }
    if let Error::PermissionDenied { .. } | Error::Unauthenticated { .. } = error {
        return StoreError::Denied { place, what: short(&said) };
    }
    // Buckets have no error kind for it; these are the codes that S3-compatible servers send.
    if ["StorageFull", "QuotaExceeded", "InsufficientStorage"].iter().any(|c| said.contains(c)) {
        return StoreError::Full { place };
    }
    // The outermost text repeats the inner ones; the last link alone may say too little.
    let what = if said.contains(&what) { said } else { format!("{said}: {what}") };
    StoreError::Other { place, what: short(&what) }
}

/// A server's answer may be a whole page.
fn short(what: &str) -> String {
    what.chars().take(600).collect()
}

/// What an operating system's error means to us.
pub(super) fn from_io(place: String, error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => StoreError::NotFound { place },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero => {
            StoreError::Full { place }
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StoreError::Denied { place, what: error.to_string() }
        }
        _ => StoreError::Other { place, what: error.to_string() },
    }
}
