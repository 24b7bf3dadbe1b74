//! `read_pool`: brings prompts in from files, archives and buckets.

use crate::call::CallError;
use crate::diag::Diagnostic;
use crate::pool::{self, PoolItem, PoolRow, Sources};
use crate::record::{Cause, Evidence, Trajectory};
use crate::stage::{
    Arity, Compile, Does, Facts, Kind, Param, Params, Port, Reason, Source, SourceCx, SourceItem,
    Stage, StageError, Ty,
};
use crate::store::Blobs;
use futures::StreamExt;
use futures::stream::BoxStream;

pub const KIND: Kind = Kind {
    name: "read_pool",
    about: "Reads prompts, each with category, source and, where it has them, spec and reference.",
    docs: "Reads `path`, or the sources listed in the stage file as `[[source]]` tables (weights, \
           caps, field and category maps), which `path` overrides when it is given. The format is \
           told from the files (`coldstart pool inspect PATH` says what it takes a path for). A row \
           that cannot be used is dropped here with its place and reason, never in silence; one \
           that only lost its image or spec passes, and its evidence says so. `on_bad = \"stop\"` of \
           a source makes either fatal. \
           Reference images are verified, bounded and stored once by content. `limit` (or the \
           flag `--limit`) takes only the first rows.",
    does: Does::Source,
    accepts: &["all"],
    rejects: &[
        "no_prompt",
        "prompt_too_long",
        "grammar_tag",
        "syntax",
        "encoding",
        "too_large",
        "field",
        "missing_image",
        "damaged_image",
        "orphan_image",
        "not_a_file",
        "unsafe_path",
        "damaged_archive",
    ],
    arity: Arity::None,
    ports: &[Port { name: "all", doc: "every usable prompt" }],
    reasons: &[
        Reason { code: "no_prompt", doc: "a row without a prompt, or an empty one" },
        Reason { code: "prompt_too_long", doc: "longer than 8,000 characters" },
        Reason { code: "grammar_tag", doc: "the prompt holds a tag of the trajectory's grammar" },
        Reason { code: "syntax", doc: "not of the format's syntax" },
        Reason { code: "encoding", doc: "not UTF-8" },
        Reason { code: "too_large", doc: "a line or member over the bound" },
        Reason { code: "field", doc: "a structured field of the wrong shape" },
        Reason { code: "missing_image", doc: "the row names an image that is not there" },
        Reason { code: "damaged_image", doc: "an image that cannot be decoded, or out of bounds" },
        Reason { code: "orphan_image", doc: "an image that no row names" },
        Reason { code: "not_a_file", doc: "a link or device in an archive" },
        Reason { code: "unsafe_path", doc: "an absolute path, or one with `..`" },
        Reason { code: "damaged_archive", doc: "the archive ends early or is not one" },
    ],
    params: &[
        Param {
            name: "path",
            ty: Ty::Text,
            default: Some(""),
            doc: "a file, folder or URI; relative to the project's root (`--pool`: to the shell)",
        },
        Param {
            name: "source",
            ty: Ty::Tables,
            default: Some(""),
            doc: "`[[source]]` tables: several sources with weights, caps and maps",
        },
        Param {
            name: "limit",
            ty: Ty::Int { min: 0, max: i64::MAX },
            default: Some("0"),
            doc: "read at most so many prompts; 0: all",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, _: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    Ok(vec![("all", Facts { reference: true, ..Facts::default() })])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let path = cx.params.text("path");
    let mut sources =
        if path.is_empty() { Sources::parse(&cx.source)? } else { Sources::one(path) };
    if sources.list.is_empty() {
        let d = Diagnostic::error("P22", format!("stage `{}` has nothing to read", cx.stage))
            .at(&cx.source, 0..0, "")
            .help("give a `path`, or list `[[source]]` tables");
        return Err(vec![d]);
    }
    let param = if path.is_empty() { "source" } else { "path" };
    for source in &mut sources.list {
        source.path = cx.place(param, &source.path);
    }
    let limit = cx.params.int("limit") as u64;
    Ok(Stage::Source { source: Box::new(ReadPool { sources, limit }), make: None })
}

struct ReadPool {
    sources: Sources,
    limit: u64,
}

/// Reference images on their way into the store at once: a bucket answers late, but to many.
const PUTS: usize = 16;

#[async_trait::async_trait]
impl Source for ReadPool {
    async fn digest(&self) -> Result<Option<String>, StageError> {
        pool::digest(&self.sources).await.map(Some).map_err(fatal)
    }

    fn size_hint(&self) -> Option<u64> {
        None
    }

    fn items<'a>(&'a self, cx: &'a SourceCx) -> BoxStream<'a, Result<SourceItem, StageError>> {
        let limit = match (self.limit, cx.limit) {
            (0, None) => usize::MAX,
            (0, Some(n)) | (n, None) => n as usize,
            (a, Some(b)) => a.min(b) as usize,
        };
        let mut taken = 0;
        pool::open_all(&self.sources)
            .take_while(move |item| {
                taken += usize::from(matches!(item, Ok(PoolItem::Row(_))));
                futures::future::ready(taken <= limit)
            })
            .map(move |item| async move {
                match item {
                    Ok(PoolItem::Row(row)) => Some(record(*row, &cx.blobs).await),
                    // The row itself came, and its evidence says what it lost.
                    Ok(PoolItem::Bad(bad)) if bad.row_kept => None,
                    Ok(PoolItem::End(ending)) => {
                        unread(&ending).map(|what| Ok(SourceItem::Aside { what }))
                    }
                    Ok(PoolItem::Bad(bad)) => Some(Ok(SourceItem::Bad {
                        place: bad.place,
                        reason: bad.kind.as_str(),
                        what: bad.detail,
                    })),
                    Err(error) => Some(Err(fatal(error))),
                }
            })
            .buffered(PUTS)
            .filter_map(futures::future::ready)
            .boxed()
    }
}

/// Files of a source that its format does not read.
fn unread(ending: &pool::Ending) -> Option<String> {
    let rest = if ending.unread > ending.unread_names.len() as u64 { ", …" } else { "" };
    let files =
        if ending.unread == 1 { "1 file was" } else { &format!("{} files were", ending.unread) };
    (ending.unread > 0).then(|| {
        format!(
            "{files} not read: {}{rest}; `coldstart pool inspect` says what the path is taken for",
            ending.unread_names.join(", ")
        )
    })
}

async fn record(row: PoolRow, blobs: &Blobs) -> Result<SourceItem, StageError> {
    if let Some(bytes) = row.image {
        blobs.put(bytes).await.map_err(fatal)?;
    }
    let lost = Evidence::note(row.losses.join("; "));
    Ok(SourceItem::Record(Box::new(Trajectory::new(row.prompt)), lost))
}

/// Of the whole source: reading it cannot go on.
fn fatal(error: impl std::error::Error + Send + Sync + 'static) -> StageError {
    StageError::Call(CallError::Store(Cause::new(error)))
}

#[cfg(test)]
mod tests {
    use super::{KIND, ReadPool};
    use crate::pool::{BadKind, OnBad, Sources};
    use crate::stage::{Source, SourceCx, SourceItem, StageError};
    use crate::store::{Blobs, Store};
    use futures::StreamExt;

    async fn items(rows: &str, on_bad: OnBad) -> Vec<Result<SourceItem, StageError>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, rows).unwrap();
        let mut sources = Sources::one(path.to_str().unwrap());
        sources.list[0].options.on_bad = on_bad;
        let blobs = Blobs::new(Store::open("memory://").unwrap(), 0);
        let cx = SourceCx { blobs, seed: 0, limit: None };
        ReadPool { sources, limit: 0 }.items(&cx).collect().await
    }

    const ROWS: &str = "{\"prompt\": \"one\", \"image\": \"no.png\"}\n{}\n{\"prompt\": \"two\"}\n";

    #[tokio::test]
    async fn a_lost_image_is_said_of_its_record_and_a_lost_row_is_a_drop() {
        let found = items(ROWS, OnBad::Skip).await;
        let said: Vec<String> = found
            .into_iter()
            .map(|item| match item {
                Ok(SourceItem::Record(t, said)) => format!("{}: {}", t.prompt.text, said.note),
                Ok(SourceItem::Bad { reason, .. }) => reason.to_owned(),
                Ok(SourceItem::Aside { what }) => what,
                Err(error) => format!("{error:?}"),
            })
            .collect();
        assert_eq!(
            said,
            ["one: missing_image: its image `no.png` is not there", "no_prompt", "two: "]
        );
    }

    #[tokio::test]
    async fn either_can_be_fatal() {
        let found = items(ROWS, OnBad::Stop).await;
        assert!(matches!(&found[..], [Err(StageError::Call(_))]), "{}", found.len());
    }

    #[test]
    fn every_kind_of_bad_row_is_a_reason_of_the_stage() {
        for kind in BadKind::ALL {
            let known = KIND.reasons.iter().any(|reason| reason.code == kind.as_str());
            assert!(known, "{}", kind.as_str());
        }
    }
}
