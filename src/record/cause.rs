//! The error below an error, kept whole where errors are cloned and compared.

use serde::{Serialize, Serializer};
use std::error::Error;
use std::sync::Arc;

/// Another crate's error, or a fact that stands for itself. Two are equal when they say the same.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    pub fn new(error: impl Error + Send + Sync + 'static) -> Cause {
        Cause(Arc::new(error))
    }

    /// The error itself, to be looked at by its type.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }
}

/// A fact that no other error lies below.
impl From<String> for Cause {
    fn from(fact: String) -> Cause {
        Cause(Arc::from(Box::<dyn Error + Send + Sync>::from(fact)))
    }
}

impl From<&str> for Cause {
    fn from(fact: &str) -> Cause {
        Cause::from(fact.to_owned())
    }
}

/// As the words it says.
impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Debug for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Cause) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Cause {}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
