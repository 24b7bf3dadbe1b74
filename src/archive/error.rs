//! What can go wrong with reading a RUN, one kind for each different remedy.

use crate::plan::ManifestError;
use crate::record::Cause;
use crate::store::StoreError;
use serde::Serialize;

/// A file of a RUN that could not be read; the others were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("`{name}` cannot be read: {what}")]
pub struct Unreadable {
    /// Relative to the RUN's root.
    pub name: String,
    #[source]
    pub what: Cause,
}

/// Why a RUN cannot be read at all, or what was asked for is not in it.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place has neither a manifest nor tables nor a journal.
    #[error("`{place}` is not a RUN: {what}")]
    NotARun { place: String, what: String },
    /// The manifest is needed, and not there: no RUN, or restore it from a copy.
    #[error("`{place}` is not there")]
    NoManifest { place: String },
    /// The manifest is damaged, or written by a later version.
    #[error("`{place}`: {source}")]
    Manifest { place: String, source: ManifestError },
    /// A part that who asked cannot do without.
    #[error(transparent)]
    Damaged(#[from] Unreadable),
    /// What runs may spend together, as a file of the RUN keeps it.
    #[error("`{place}` cannot be read: {source}; `--budget` writes it anew")]
    Budget { place: String, source: serde_json::Error },
    /// A name the user gave that is not there; `help` says what is.
    #[error("{what}{help}")]
    Unknown { what: String, help: String },
    /// A run keeps ending and starting while it is read.
    #[error("`{place}` changes faster than it can be read; give the command again")]
    Restless { place: String },
    /// A labels file that a person or a tool wrote.
    #[error(
        "`{place}`, line {line}: {source}; a label is {{\"id\", \"stage\", \"agree\" or \"truth\"}}"
    )]
    Label { place: String, line: usize, source: serde_json::Error },
    /// A defect of ours: the thread that decoded died.
    #[error("reading `{place}` broke off")]
    BrokeOff { place: String, source: tokio::task::JoinError },
}

impl ArchiveError {
    /// `name` is not among `known`: with "did you mean", or the whole list.
    pub fn unknown<'a>(
        kind: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> ArchiveError {
        let help = match crate::diag::did_you_mean(name, known.clone()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => {
                let list: Vec<String> =
                    known.into_iter().take(24).map(|k| format!("`{k}`")).collect();
                format!("; there are {}", list.join(", "))
            }
        };
        ArchiveError::Unknown { what: format!("no {kind} `{name}` here"), help }
    }
}
