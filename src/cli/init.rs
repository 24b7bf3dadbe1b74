//! `coldstart init`: the built-in project written out to be changed, and what has been changed since.

use crate::audit::text_diffs;
use crate::builtin;
use crate::call::endpoints::example;
use crate::cli::Done;
use crate::cli::shared::{DEFAULT_PIPELINE, Format, print_json};
use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Write the built-in project out to be changed, or say what a project has changed
///
/// Writes stages, templates and data, with a README, a `.gitignore`, an endpoints file and ten prompts
/// to begin with. No file that is there is written over: then nothing is written at all.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's folder; it is made if it is not there
    dir: PathBuf,
    /// Write only these pipelines (default: all)
    #[arg(long, value_name = "NAME")]
    pipeline: Vec<String>,
    /// Write nothing: say what DIR has changed (and the lines), added or lacks against the built-in project
    #[arg(long)]
    diff: bool,
    /// How `--diff` prints
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What a new project has beside the built-in files.
const BESIDE: &[(&str, &str)] = &[
    ("README.md", include_str!("init/README.md")),
    (".gitignore", include_str!("init/gitignore")),
    ("prompts.jsonl", include_str!("init/prompts.jsonl")),
];
const ENDPOINTS: &str = "endpoints.toml";

pub fn run(args: Args) -> anyhow::Result<Done> {
    let known = builtin::pipelines();
    if let Some(unknown) = args.pipeline.iter().find(|name| !known.contains(name)) {
        bail!("there is no pipeline `{unknown}`\n  built in: {}", known.join(", "));
    }
    let wanted: Vec<(String, &[u8])> = builtin::files()
        .into_iter()
        .filter(|(path, _)| args.pipeline.is_empty() || of_pipelines(path, &args.pipeline))
        .collect();
    if args.diff { diff(&args, &wanted) } else { write(&args, &wanted) }
}

/// A verb's first words: the default pipeline needs no name, if it is among those that are written.
fn command(verb: &str, pipelines: &[String]) -> String {
    match pipelines.first() {
        Some(first) if !pipelines.iter().any(|name| name == DEFAULT_PIPELINE) => {
            format!("coldstart {verb} {first}")
        }
        _ => format!("coldstart {verb}"),
    }
}

/// Whether a file belongs to one of the pipelines, or to all.
fn of_pipelines(path: &str, pipelines: &[String]) -> bool {
    match path.strip_prefix("stages/").and_then(|rest| rest.split('/').next()) {
        Some(of) => pipelines.iter().any(|pipeline| pipeline == of),
        None => true,
    }
}

fn write(args: &Args, files: &[(String, &[u8])]) -> anyhow::Result<Done> {
    let dir = args.dir.as_path();
    let endpoints = example("local").context("an example of an endpoints file")?;
    let (run, check) = (command("run", &args.pipeline), command("check", &args.pipeline));
    let named = |text: &str| text.replace("coldstart run", &run).replace("coldstart check", &check);
    let texts: Vec<(&str, String)> =
        BESIDE.iter().map(|(name, text)| (*name, named(text))).collect();
    let beside = texts.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes()));
    let all: Vec<(String, &[u8])> = files
        .iter()
        .cloned()
        .chain(beside)
        .chain([(ENDPOINTS.to_owned(), endpoints.as_bytes())])
        .collect();
    let there: Vec<&str> =
        all.iter().map(|(name, _)| name.as_str()).filter(|name| dir.join(name).exists()).collect();
    if let [first, rest @ ..] = there.as_slice() {
        let others =
            if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        bail!(
            "`{}` is there already{others}: nothing was written\n  choose a folder without them, or \
             ask `coldstart init --diff {}` what has changed in it",
            dir.join(first).display(),
            dir.display()
        );
    }
    for (name, bytes) in &all {
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder).with_context(|| format!("`{}`", folder.display()))?;
        std::fs::write(&path, bytes).with_context(|| format!("`{}`", path.display()))?;
    }
    let there =
        if dir == Path::new(".") { String::new() } else { format!("cd {} && ", dir.display()) };
    eprintln!(
        "wrote {} files to {}; `{there}{run}` tries it on the simulated world, README.md says the rest",
        all.len(),
        dir.display(),
    );
    Ok(Done::Well)
}

/// A project against the built-in one, by path.
#[derive(Debug, Default, serde::Serialize)]
struct Changes {
    changed: Vec<String>,
    /// Stage files and templates that the built-in project does not have.
    added: Vec<String>,
    missing: Vec<String>,
}

fn diff(args: &Args, files: &[(String, &[u8])]) -> anyhow::Result<Done> {
    if !args.dir.join("stages").is_dir() {
        bail!(
            "`{}` is no project: it holds no `stages/`\n  `coldstart init DIR` makes one",
            args.dir.display()
        );
    }
    let found = changes(&args.dir, files)?;
    if args.format == Format::Json {
        return print_json(&found);
    }
    let lists = [("changed", &found.changed), ("added", &found.added), ("missing", &found.missing)];
    for (word, paths) in lists {
        for path in paths {
            println!("{word:<8}  {path}");
        }
    }
    show_lines(&args.dir, &found.changed, files)?;
    if lists.iter().all(|(_, paths)| paths.is_empty()) {
        eprintln!("no difference from the built-in project of this version");
    }
    Ok(Done::Well)
}

/// The lines that differ in each changed file: `-` as it is built in, `+` as it is here.
fn show_lines(dir: &Path, changed: &[String], files: &[(String, &[u8])]) -> anyhow::Result<()> {
    let (mut built_in, mut here) = (BTreeMap::new(), BTreeMap::new());
    for (path, bytes) in files.iter().filter(|(path, _)| changed.contains(path)) {
        let own = std::fs::read(dir.join(path)).with_context(|| format!("`{path}`"))?;
        // Fingerprints have no lines.
        if let (Ok(built), Ok(own)) = (std::str::from_utf8(bytes), String::from_utf8(own)) {
            built_in.insert(path.clone(), built.to_owned());
            here.insert(path.clone(), own);
        }
    }
    for diff in text_diffs(&built_in, &here) {
        println!("\n{}", diff.path);
        diff.lines.iter().for_each(|line| println!("  {line}"));
    }
    Ok(())
}

fn changes(dir: &Path, files: &[(String, &[u8])]) -> anyhow::Result<Changes> {
    let mut found = Changes::default();
    // A pipeline that was never written out is not missed.
    let whole: BTreeSet<&str> =
        files.iter().map(|(p, _)| folder_of(p)).filter(|f| dir.join(f).is_dir()).collect();
    for (path, bytes) in files {
        match std::fs::read(dir.join(path)) {
            Ok(there) if there == *bytes => {}
            Ok(_) => found.changed.push(path.clone()),
            Err(_) if whole.contains(folder_of(path)) => found.missing.push(path.clone()),
            Err(_) => {}
        }
    }
    let known: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    for top in ["stages", "templates"] {
        collect(dir, Path::new(top), &mut found.added)?;
    }
    found.added.retain(|path| !known.contains(path.as_str()));
    found.added.sort();
    Ok(found)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn collect(root: &Path, below: &Path, out: &mut Vec<String>) -> anyhow::Result<()> {
    let folder = root.join(below);
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&folder).with_context(|| format!("`{}`", folder.display()))? {
        let path = below.join(entry?.file_name());
        if root.join(&path).is_dir() {
            collect(root, &path, out)?;
        } else {
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            out.push(parts.join("/"));
        }
    }
    Ok(())
}
