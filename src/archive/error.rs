//! What can go wrong with reading a RUN, one kind for each different remedy.

use crate::store::StoreError;
use serde::Serialize;

/// A file of a RUN that could not be read; the others were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Relative to the RUN's root.
    pub name: String,
    pub what: String,
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
    #[error("`{place}`: {what}")]
    Manifest { place: String, what: String },
    /// A part that who asked cannot do without.
    #[error("`{}` cannot be read: {}", .0.name, .0.what)]
    Damaged(Unreadable),
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
