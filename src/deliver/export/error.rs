//! Why an export cannot be written or proved, one kind for each different reaction of the caller.

use crate::deliver::DeliverError;
use crate::diag::Diagnostic;
use crate::export::dataset::DatasetError;
use crate::export::report::ExportReport;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Of a RUN that has not come to its end: its dataset cannot be made from its journal.
    #[error(transparent)]
    Rebuild(#[from] DeliverError),
    #[error(
        "format `{form}` has no dialect `{dialect}`: its trainer would render tool turns another way"
    )]
    NoDialect { form: &'static str, dialect: &'static str },
    #[error("the system turn is empty: trainers would put one of their own there")]
    EmptySystem,
    #[error("the system turn holds `{token}`, which trainers take for structure")]
    SystemToken { token: String },
    /// Rows of evaluation sets, by set; nobody said that they are meant to be trained on.
    #[error(
        "{rows} rows are prompts of an evaluation set ({sets}): trained on, it measures nothing any more"
    )]
    Benchmark { rows: u64, sets: String },
    #[error("the judge's rules cannot be used")]
    Rules(Vec<Diagnostic>),
    /// Neither a RUN nor a folder of shards.
    #[error("no dataset shards in `{place}`")]
    NoShards { place: String },
    /// A RUN that has hardly begun.
    #[error("`{place}` has not written its dataset, and no record has come to its end yet")]
    NoRows { place: String },
    /// A RUN whose records all ended before its dataset; `lost` says where, and why most did.
    #[error("the dataset of `{place}` has no rows: {lost}")]
    AllLost { place: String, lost: String },
    /// A shard cannot be read at all.
    #[error("`{name}`")]
    Shard { name: String, source: DatasetError },
    /// Our own defect: the encoder refused.
    #[error(transparent)]
    Encode(DatasetError),
    /// The folder holds an export already: its rows and format, where its account can be read.
    #[error("`{place}` holds an export already{}", of(.old))]
    Taken { place: String, old: Option<(u64, String)> },
    #[error("`{place}` is not empty and holds no earlier export")]
    Foreign { place: String },
    /// Every row was left out; the report says why. The folder is left marked as unfinished.
    #[error("no row could be exported")]
    NothingLeft { report: Box<ExportReport> },
    /// All rows fell into other splits than the one that is trained on.
    #[error("no row fell into `{split}`")]
    NothingToTrain { split: String, report: Box<ExportReport> },
    #[error("`{place}` holds no `export.json`: it is no export, or one that was not finished")]
    NoAccount { place: String },
    #[error("the account of `{place}` cannot be read")]
    Account { place: String, source: serde_json::Error },
    /// Written by a later version, or edited.
    #[error("the account of `{place}` names format `{format}`, which is not known here")]
    UnknownForm { place: String, format: String },
    /// No line of an export is so long; it is not read into memory.
    #[error("`{name}` has a line of more than {most} bytes")]
    LongLine { name: String, most: usize },
    /// The selection's expression cannot be read, or holds for no row.
    #[error("`--where {filter}`: {what}")]
    Where { filter: String, what: String },
    /// Our own defect: the table that rows are selected from.
    #[error("rows cannot be selected")]
    Select(#[source] rusqlite::Error),
    /// What carries pieces to the store has ended; its own error says why.
    #[error("writing has stopped")]
    Stopped,
    /// Our own defect: a thread panicked.
    #[error("a thread of the export broke off")]
    Thread(#[from] tokio::task::JoinError),
}

fn of(old: &Option<(u64, String)>) -> String {
    old.as_ref()
        .map_or(String::new(), |(rows, format)| format!(" ({rows} rows of format {format})"))
}
