//! The columns of a dataset row, and the metadata by which `datasets` sees images as images.

use crate::export::columns::{column, group, images, list, messages, text};
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};
use std::collections::HashMap;
use std::sync::Arc;

/// The version of the columns below, kept in the schema's metadata.
pub const VERSION: &str = "1";

/// What `datasets` reads from the Arrow schema's metadata: `images` is a list of images; all other
/// columns are inferred.
pub const HUGGINGFACE: &str =
    r#"{"info":{"features":{"images":{"feature":{"_type":"Image"},"_type":"List"}}}}"#;

/// The schema of `RUN/dataset/*.parquet`. Everything is nullable (`datasets` asks it of images);
/// what is never null is said in README's table.
pub fn schema() -> SchemaRef {
    with(Vec::new())
}

/// The schema of a dataset of preference pairs: one column more.
pub fn pairs_schema() -> SchemaRef {
    let number = |name| column(name, DataType::Float64);
    let rejected = vec![text("turn"), number("reward"), number("chosen_reward")];
    with(vec![column("rejected", group(rejected))])
}

fn with(more: Vec<FieldRef>) -> SchemaRef {
    let mut fields = vec![
        text("id"),
        text("prompt"),
        text("category"),
        text("source"),
        text("outcome"),
        column("rounds", list(group(round()))),
        column("messages", messages()),
        column("images", images()),
        column("improved", DataType::Boolean),
        column("comparisons", list(group(comparison()))),
        column("atoms", list(group(atom()))),
        column("attempts", list(group(attempt()))),
        column("truth", group(vec![text("spec"), text("gloss"), column("reference", image())])),
        column("provenance", group(provenance())),
        text("licence"),
    ];
    fields.extend(more);
    let metadata = [("huggingface", HUGGINGFACE), ("coldstart.dataset", VERSION)];
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// An image by content; its bytes are in `images` where the conversation shows it.
fn image() -> DataType {
    group(vec![
        text("digest"),
        text("mime"),
        column("width", DataType::UInt32),
        column("height", DataType::UInt32),
        column("bytes", DataType::UInt64),
    ])
}

fn round() -> Vec<FieldRef> {
    let check = group(vec![text("id"), text("source"), text("answer"), text("evidence")]);
    vec![
        text("thinking"),
        text("refined_prompt"),
        // An index into `images`; null where the conversation does not show the picture.
        column("image", DataType::Int32),
        column("picture", image()),
        column("seed", DataType::UInt64),
        text("judgement"),
        column("satisfied", DataType::Boolean),
        column("score", DataType::Float32),
        column("checks", list(check)),
        // Null where no looks were added up.
        column("posterior", DataType::Float32),
        column("claims", DataType::Float32),
    ]
}

fn comparison() -> Vec<FieldRef> {
    vec![column("orders", list(DataType::Utf8)), text("winner")]
}

fn atom() -> Vec<FieldRef> {
    vec![
        text("id"),
        text("kind"),
        text("question"),
        text("expected"),
        column("parents", list(DataType::Utf8)),
    ]
}

fn attempt() -> Vec<FieldRef> {
    vec![
        column("seed", DataType::UInt64),
        column("image", image()),
        column("satisfied", DataType::Boolean),
    ]
}

fn provenance() -> Vec<FieldRef> {
    vec![
        text("key"),
        column("calls", list(DataType::Utf8)),
        column("models", list(DataType::Utf8)),
        text("pipeline"),
        column("simulated", DataType::Boolean),
        column("escaped", DataType::UInt64),
    ]
}
