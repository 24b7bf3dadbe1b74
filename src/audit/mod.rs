//! Reading a RUN: why each record was kept or dropped, what each filter is worth, what is damaged,
//! and what would change.
//!
//! Here: the joined tables (`Index`), the funnel, findings, one record's life, differences,
//! calibration against people's labels, SQL, the page to send to a colleague. Not here: pages
//! served to a browser (`view`), printing (`cli`), and anything that needs an endpoint.
//! The one idea: a RUN on disk is evidence. It may be live, killed, damaged or somebody else's; so
//! every reader says what it could not read and goes on with the rest.

pub mod calibrate;
mod columns;
pub mod dag;
mod decode;
pub mod deep;
mod diff;
mod error;
pub mod facts;
pub mod findings;
mod funnel;
pub mod gather;
mod index;
pub mod labels;
mod ledger;
pub mod lineage;
mod lookup;
mod names;
mod page;
pub mod panels;
pub mod plot;
mod report;
pub mod roles;
pub mod rounds;
mod run_dir;
pub mod sampling;
mod shape;
pub mod show;
pub mod sql;
pub mod stats;
pub mod steps;
mod tables;
mod textdiff;

pub use columns::{CallColumn, Columns, Reading};
pub use diff::{Change, ChangedRecord, Diff, Side, StageDiff, diff};
pub use error::AuditError;
pub use funnel::{Costs, Funnel, Split, StageFunnel, funnel};
pub use index::{Conflict, HashedMap, HashedSet, Index, Record, Records, StageRows};
pub use names::{Name, Names, Texts};
pub use page::{Sample, page};
pub use report::AuditReport;
pub use run_dir::RunDir;
pub use shape::{Edge, Shape, ShapeStage};
pub use tables::Tables;
pub use textdiff::TextDiff;
