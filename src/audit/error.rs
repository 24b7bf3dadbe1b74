//! What can go wrong with reading a RUN, one kind for each different remedy.

use crate::store::StoreError;

/// Errors of the auditing verbs. A defect *found* in a RUN is a `Finding`, not an error.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place has neither a manifest nor tables.
    #[error("`{place}` is not a RUN: {what}")]
    NotARun { place: String, what: String },
    /// A name the user gave that is not there; `help` says what is.
    #[error("{what}{help}")]
    Unknown { what: String, help: String },
    /// A labels file, a query, an output: the user can put it right.
    #[error("{what}")]
    Input { what: String },
}

impl AuditError {
    /// `what` is not among `known`, with "did you mean" or the whole list.
    pub fn unknown<'a>(
        kind: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> AuditError {
        let help = match crate::diag::did_you_mean(name, known.clone()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => {
                let list: Vec<String> =
                    known.into_iter().take(24).map(|k| format!("`{k}`")).collect();
                format!("; there are {}", list.join(", "))
            }
        };
        AuditError::Unknown { what: format!("no {kind} `{name}` here"), help }
    }

    pub fn input(what: impl Into<String>) -> AuditError {
        AuditError::Input { what: what.into() }
    }
}
