//! Findings: what is wrong with a RUN, or deserves a look.
//!
//! A check is one function with one line in `CHECKS`, which also documents it; `audit --checks` prints
//! the table. An error means that the RUN's own promise is broken (a row lost, a picture gone, a figure
//! that does not add up); a warning asks for a look; a note informs.

mod calls;
mod dataset;
mod flow;
mod rows;

use crate::audit::facts::Facts;
use serde::{Deserialize, Serialize};

/// How bad a finding is; errors make `audit` exit 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's name, stable.
    pub check: String,
    pub severity: Severity,
    /// The stage it concerns; empty when the whole RUN.
    pub stage: String,
    /// Lower case, one sentence, no period.
    pub what: String,
    /// How many rows, calls or files.
    pub count: u64,
    /// A few of them.
    pub examples: Vec<String>,
    /// One action; empty when there is none.
    pub help: String,
}

/// Examples kept per finding.
const EXAMPLES: usize = 5;

impl Finding {
    fn new(severity: Severity, what: impl Into<String>) -> Finding {
        Finding {
            check: String::new(),
            severity,
            stage: String::new(),
            what: what.into(),
            count: 1,
            examples: Vec::new(),
            help: String::new(),
        }
    }

    fn error(what: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, what)
    }

    fn warning(what: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, what)
    }

    fn note(what: impl Into<String>) -> Finding {
        Finding::new(Severity::Note, what)
    }

    fn at(mut self, stage: &str) -> Finding {
        stage.clone_into(&mut self.stage);
        self
    }

    /// Counts all and keeps the first few as examples; None when there is none. Whatever `all`
    /// holds, only the examples are made into text.
    fn of<T: ToString>(mut self, all: impl IntoIterator<Item = T>) -> Option<Finding> {
        self.count = 0;
        for one in all {
            if self.examples.len() < EXAMPLES {
                self.examples.push(one.to_string());
            }
            self.count += 1;
        }
        (self.count > 0).then_some(self)
    }

    fn help(mut self, help: &str) -> Finding {
        help.clone_into(&mut self.help);
        self
    }
}

/// A check: its stable name, what it proves, and how.
pub struct CheckKind {
    pub name: &'static str,
    pub severity: Severity,
    pub about: &'static str,
    run: fn(&Facts) -> Vec<Finding>,
}

const fn check(
    name: &'static str,
    severity: Severity,
    about: &'static str,
    run: fn(&Facts) -> Vec<Finding>,
) -> CheckKind {
    CheckKind { name, severity, about, run }
}

use Severity::{Error, Note, Warning};

/// Every check, in the order findings of one severity are shown.
pub const CHECKS: &[CheckKind] = &[
    check("unreadable", Error, "a table, ledger part or shard cannot be read", rows::unreadable),
    check("law", Error, "a row breaks the form of decisions (no reason, no port)", rows::law),
    check("repeated_row", Error, "a record has two rows at one stage", rows::repeated),
    check("altered_row", Error, "a row contradicts the record's other rows", rows::altered),
    check("orphan_row", Error, "a record is at a stage that nothing sent it to", flow::orphans),
    check("lost_record", Error, "a record was sent to a stage and never arrived", flow::lost),
    check("report", Error, "the report's counts are not the tables' counts", flow::report),
    check("segment", Error, "a part of the journal is damaged or cut", calls::segments),
    check("call_missing", Error, "a row names a call that is not journaled", calls::missing),
    check("call_key", Error, "a journaled request does not have its key", calls::keys),
    check("row_cost", Error, "a row's cost is not the cost of its calls", calls::costs),
    check("blob_missing", Error, "a picture that is needed is not there", calls::blobs_missing),
    check(
        "blob_corrupt",
        Error,
        "a picture's bytes are not what its name says",
        calls::blobs_corrupt,
    ),
    check("dataset_digest", Error, "the shards are not what the run wrote", dataset::digest),
    check("dataset_orphan", Error, "a dataset row that was not picked", dataset::orphans),
    check("dataset_lost", Error, "a picked record that is not in the dataset", dataset::lost),
    check("dataset_twice", Error, "a record or prompt in the dataset twice", dataset::twice),
    check("dataset_calls", Error, "a dataset row rests on calls not journaled", dataset::calls),
    check("dataset_image", Error, "an embedded picture is damaged", dataset::images),
    check("no_manifest", Warning, "the RUN does not say what made it", flow::unplanned),
    check("failed", Warning, "records failed and wait for the next run", flow::failed),
    check("filter_extreme", Warning, "a filter keeps nearly all or nearly nothing", flow::extreme),
    check("stratum_short", Warning, "a stratum got less than its quota", dataset::short),
    check(
        "one_sided",
        Warning,
        "the judgements of a round always accept or always reject",
        dataset::one_sided,
    ),
    check("paid_twice", Warning, "calls were journaled more than once", calls::twice),
    check("blank_picture", Warning, "pictures of one colour were drawn", calls::blank),
    check("maybe_paid_twice", Note, "calls were in flight at a kill", calls::maybe_twice),
    check("incomplete", Note, "the run has not reached its end", flow::incomplete),
    check("blob_unused", Note, "blobs that no journaled call or row names", calls::blobs_unused),
    check("simulated", Note, "replies come from the simulated world", flow::simulated),
];

/// Runs every check; errors first.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut out = Vec::new();
    for check in CHECKS {
        let found = (check.run)(facts);
        out.extend(found.into_iter().map(|f| Finding { check: check.name.to_owned(), ..f }));
    }
    out.sort_by_key(|f| f.severity);
    out
}
