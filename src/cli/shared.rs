//! What several verbs share: opening a project, printing diagnostics, formats, exit codes.

use crate::cli::Done;
use crate::diag::{self, Diagnostic};
use crate::plan::{Compiled, Home, Overrides, Plan, Project, ProjectError, compile};
use std::io::IsTerminal;
use std::path::PathBuf;

/// How a reporting verb prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// The pipeline that is meant where none is named.
pub const DEFAULT_PIPELINE: &str = "standard";

/// Which pipeline of which project.
#[derive(Debug, Clone, clap::Args)]
pub struct PipelineArgs {
    /// The pipeline: a folder under `stages/`
    #[arg(default_value = DEFAULT_PIPELINE)]
    pub pipeline: String,
    #[command(flatten)]
    pub project: ProjectArg,
    /// The run's seed: data are a function of it
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Set a stage's parameter over its file, for instance `--set judged.votes=3`
    #[arg(long, value_name = "STAGE.PARAM=VALUE", value_parser = parse_set)]
    pub set: Vec<(String, String, String)>,
}

/// Which project: for verbs that compile a pipeline or read files that a RUN names by digest.
#[derive(Debug, Clone, clap::Args)]
pub struct ProjectArg {
    /// The folder that holds `stages/`, `templates/` and `data/` (default: this folder or the
    /// nearest one above that does, else the project built into the program)
    #[arg(long = "project", value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

impl ProjectArg {
    pub fn home(&self) -> Home {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        Home::find(self.folder.as_deref(), &here)
    }
}

/// `STAGE.PARAM=VALUE`.
pub fn parse_set(text: &str) -> Result<(String, String, String), String> {
    let wrong = || "write STAGE.PARAM=VALUE, for instance judged.votes=3".to_owned();
    let (left, value) = text.split_once('=').ok_or_else(wrong)?;
    let (stage, param) = left.split_once('.').ok_or_else(wrong)?;
    Ok((stage.trim().to_owned(), param.trim().to_owned(), value.trim().to_owned()))
}

impl PipelineArgs {
    /// The project's files.
    pub fn open(&self) -> anyhow::Result<Project> {
        Project::open(&self.project.home(), &self.pipeline).map_err(|error| match &error {
            ProjectError::NoPipeline { pipeline, known, .. } => {
                let remedy = match diag::did_you_mean(pipeline, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => {
                        "name a folder that holds `stages/`, or leave `--project` out for the \
                         built-in project"
                            .to_owned()
                    }
                    None => format!("pipelines here: {}", known.join(", ")),
                };
                anyhow::anyhow!("{error}\n  {remedy}")
            }
            ProjectError::Unreadable { .. } => anyhow::anyhow!("{error}"),
        })
    }

    /// Says on stderr which project is meant, where the folder at hand does not.
    pub fn say_home(&self) {
        let home = self.project.home();
        if home != Home::Folder(PathBuf::from(".")) {
            eprintln!("pipeline `{}` of {home}", self.pipeline);
        }
    }

    pub fn overrides(&self) -> Overrides {
        Overrides { seed: self.seed, set: self.set.clone(), flags: Vec::new() }
    }
}

/// Compiles and prints what is wrong to stderr. None when there are errors.
pub fn compile_or_tell(project: &Project, overrides: &Overrides) -> Option<Plan> {
    let Compiled { plan, diagnostics } = compile(project, overrides);
    tell(&diagnostics);
    if plan.is_none() {
        eprintln!("{}. Nothing was run; no model was called.", diag::summary(&diagnostics));
    }
    plan
}

/// Prints diagnostics to stderr.
pub fn tell(diagnostics: &[Diagnostic]) {
    let style = if colour_on_stderr() { diag::Style::Colour } else { diag::Style::Plain };
    eprint!("{}", diag::render(diagnostics, style));
}

/// Colours are for terminals that did not refuse them.
pub fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Pretty JSON on stdout, as data.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<Done> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(Done::Well)
}

/// Runs async work on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
