//! Store errors, one kind for each reaction.

use crate::record::Cause;
use std::error::Error;

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
    Denied {
        place: String,
        what: String,
        #[source]
        cause: Option<Cause>,
    },
    /// Bytes that are not what they should be.
    #[error("`{place}` is damaged: {what}")]
    Damaged {
        place: String,
        what: String,
        #[source]
        cause: Option<Cause>,
    },
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
    Other {
        place: String,
        what: String,
        #[source]
        cause: Option<Cause>,
    },
}

impl StoreError {
    /// What is at `place` is not what it should be.
    pub fn damaged(place: impl Into<String>, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { place: place.into(), what: what.into(), cause: None }
    }

    /// What is at `place` cannot be read, as `error` says.
    pub fn unreadable<E>(place: impl Into<String>, error: E) -> StoreError
    where
        E: Error + Send + Sync + 'static,
    {
        let (what, cause) = (error.to_string(), Some(Cause::new(error)));
        StoreError::Damaged { place: place.into(), what, cause }
    }

    pub fn other(place: impl Into<String>, what: impl Into<String>) -> StoreError {
        StoreError::Other { place: place.into(), what: what.into(), cause: None }
    }

    /// What `error` says of `place`.
    pub fn of<E>(place: impl Into<String>, error: E) -> StoreError
    where
        E: Error + Send + Sync + 'static,
    {
        let (what, cause) = (error.to_string(), Some(Cause::new(error)));
        StoreError::Other { place: place.into(), what, cause }
    }
}

/// What S3, Google and Azure say of a bucket that is not there.
const NO_BUCKET: [&str; 3] =
    ["NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound"];

/// What an `object_store` error means to us.
pub(super) fn from_object_store(place: String, error: object_store::Error) -> StoreError {
    use object_store::Error as Of;
    let said = error.to_string();
    if NO_BUCKET.iter().any(|code| said.contains(code)) {
        let what = "the bucket does not exist; create it, or mend its name".to_string();
        return StoreError::Location { place, what };
    }
    if let Of::NotFound { .. } = error {
        return StoreError::NotFound { place };
    }
    let mut chain: Option<&(dyn Error + 'static)> = Some(&error);
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
    if let Of::PermissionDenied { .. } | Of::Unauthenticated { .. } = error {
        let cause = Some(Cause::new(error));
        return StoreError::Denied { place, what: short(&said), cause };
    }
    // Buckets have no error kind for it; these are the codes that S3-compatible servers send.
    if ["StorageFull", "QuotaExceeded", "InsufficientStorage"].iter().any(|c| said.contains(c)) {
        return StoreError::Full { place };
    }
    // The outermost text repeats the inner ones; the last link alone may say too little.
    let what = if said.contains(&what) { said } else { format!("{said}: {what}") };
    StoreError::Other { place, what: short(&what), cause: Some(Cause::new(error)) }
}

/// A server's answer may be a whole page.
fn short(what: &str) -> String {
    what.chars().take(600).collect()
}

/// What an operating system's error means to us.
pub(super) fn from_io(place: String, error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind;
    let (what, cause) = (error.to_string(), Some(Cause::new(again(error))));
    match error.kind() {
        ErrorKind::NotFound => StoreError::NotFound { place },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero => {
            StoreError::Full { place }
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StoreError::Denied { place, what, cause }
        }
        _ => StoreError::Other { place, what, cause },
    }
}

/// The same error: those of the operating system cannot be cloned.
fn again(error: &std::io::Error) -> std::io::Error {
    match error.raw_os_error() {
        Some(code) => std::io::Error::from_raw_os_error(code),
        None => std::io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{StoreError, from_io};
    use crate::record::Cause;
    use std::error::Error;

    #[test]
    fn the_cause_is_kept_whole_and_said_once() {
        let of_system = std::io::Error::from_raw_os_error(13);
        let error = from_io("x".into(), &of_system);
        assert_eq!(error, error.clone());
        let cause = error.source().and_then(|cause| cause.downcast_ref::<Cause>()).unwrap();
        let io = cause.error().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(io.raw_os_error(), Some(13));
        assert!(error.to_string().contains(&io.to_string()), "{error}");
        assert!(StoreError::other("x", "odd").source().is_none());
    }
}
