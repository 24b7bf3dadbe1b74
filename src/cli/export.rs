//! `coldstart export`: a dataset in a trainer's own form; `--verify` proves one; `--table1` describes
//! the data.

mod said;

use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::shared::{ProjectArg, block_on, print_json, tell};
use crate::deliver::export::loader::{find_python, load};
use crate::deliver::export::{
    COLUMNS, ExportError, Request, Selection, Shards, Verified, table1, verify, write,
};
use crate::deliver::official::{self, LAYOUTS, OfficialLayout, OfficialRequest};
use crate::diag;
use crate::env::{Env, memory};
use crate::export::control::ControlTokens;
use crate::export::conversation::Dialect;
use crate::export::formats::{self, FORMS, Form};
use crate::export::split::Shares;
use crate::export::table1;
use crate::export::tokens::{Measure, Tokenizer};
use crate::store::Store;
use anyhow::{Context, bail};
use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// Write a dataset in the form that a trainer's own loader accepts, or prove one that was written
#[derive(Debug, clap::Args)]
#[command(after_help = "Formats: see `coldstart export --formats`.\n\
    An export can be told whole by its `export.json`, which is written last.")]
pub struct Args {
    /// A RUN (finished or not), or a folder of dataset shards: a directory or a bucket URI
    #[arg(required_unless_present_any = ["verify", "formats", "columns"])]
    source: Option<String>,
    /// The trainer's or evaluation set's form; with --verify and --table1: text or json
    #[arg(long, value_name = "F")]
    format: Option<String>,
    /// Where to write: a directory or a bucket URI that is empty or holds an unfinished export
    #[arg(long, value_name = "DIR")]
    out: Option<String>,
    /// Write over an earlier export in DIR; files that are not an export's stay
    #[arg(long, requires = "out")]
    replace: bool,
    /// Shares of train, validation and test; prompts that are alike stay on one side
    #[arg(long, default_value = "1", value_parser = Shares::parse, value_name = "SHARES")]
    split: Shares,
    /// Only rows that this SQL expression holds for, over the columns of `--columns`
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Take N rows, balanced again over category and outcome
    #[arg(long, value_name = "N")]
    take: Option<u64>,
    /// List the columns that `--where` may name
    #[arg(long)]
    columns: bool,
    /// Which rows `--take` picks, and which prompts fall on which side, is a function of it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How tools and observations are written
    #[arg(long, value_enum, default_value = "text")]
    dialect: DialectArg,
    /// A file that replaces the system turn, byte for byte
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,
    /// What to do with a control token in a prompt or in model text
    #[arg(long, value_enum, default_value = "escape")]
    control_tokens: ControlArg,
    /// Longer conversations are left out
    #[arg(long, default_value_t = 16_384, value_name = "N")]
    max_tokens: u32,
    /// The trainer's tokenizer.json (Qwen2 family); without it lengths are estimated
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// The pixels an image is scaled down to by the trainer
    #[arg(long, default_value_t = 768 * 768, value_name = "N")]
    max_image_pixels: u64,
    /// GPUs that will train: the configurations accumulate to the paper's batch of 256
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    gpus: u32,
    /// Leave out rows of which it is less probable that every verdict is right, and rows that do
    /// not say it (0 to 1)
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    min_posterior: f64,
    /// The judge's rules, for `verl-rl`'s ground truth; default: the RUN's own
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    project: ProjectArg,
    /// How reports are printed
    #[arg(long, value_enum, default_value = "text")]
    report: ReportArg,
    /// Re-read an export and prove all that it promises
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    verify: Option<String>,
    /// With --verify: load it by the trainer's own code as well, where this environment's Python has it
    /// (LLaMAFactory, verl, ms-swift, TRL, `datasets`): rows, tokens, the first example with what is trained
    #[arg(long, requires = "verify")]
    loader: bool,
    /// The Python that has the trainer (default: the active environment's, else the path's)
    #[arg(long, value_name = "PATH", requires = "loader")]
    python: Option<PathBuf>,
    /// The model whose tokenizer the trainer uses: a folder or a name on the hub
    #[arg(
        long,
        value_name = "MODEL",
        requires = "loader",
        default_value = "Qwen/Qwen2.5-VL-7B-Instruct"
    )]
    model: String,
    /// Print the paper's Table 1 diagnostics of the data; write nothing
    #[arg(long, conflicts_with_all = ["out", "verify"])]
    table1: bool,
    /// The evaluation set's own file, for `geneval-pp`, `wise` and `imagine`; default: where the RUN
    /// found it
    #[arg(long, value_name = "PATH", requires = "out")]
    pool: Option<String>,
    /// Rows of evaluation sets are meant to be trained on: without this word they never are
    #[arg(long)]
    train_on_benchmark: bool,
    /// Describe the formats
    #[arg(long)]
    formats: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DialectArg {
    /// All in text, as the released agent does
    Text,
    /// A `tools` column and the trainer's own tool turns
    Native,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ControlArg {
    /// Break them by a space: plain text to every tokenizer
    Escape,
    /// Leave the whole trajectory out
    Reject,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportArg {
    Text,
    Json,
}

impl Args {
    fn dialect(&self) -> Dialect {
        match self.dialect {
            DialectArg::Text => Dialect::Text,
            DialectArg::Native => Dialect::Native,
        }
    }

    fn control(&self) -> ControlTokens {
        match self.control_tokens {
            ControlArg::Escape => ControlTokens::Escape,
            ControlArg::Reject => ControlTokens::Reject,
        }
    }

    /// Whether the report is asked for as JSON: by `--report`, or by `--format` where it names no
    /// trainer's form.
    fn as_json(&self) -> bool {
        self.report == ReportArg::Json || self.format.as_deref() == Some("json")
    }

    /// Refuses what shapes training rows where pictures and answers are laid out.
    fn check_official(&self) -> anyhow::Result<()> {
        let given = [
            ("--split", self.split != Shares::default()),
            ("--dialect", self.dialect != DialectArg::Text),
            ("--system", self.system.is_some()),
            ("--tokenizer", self.tokenizer.is_some()),
            ("--rules", self.rules.is_some()),
            ("--train-on-benchmark", self.train_on_benchmark),
        ];
        match given.iter().find(|(_, is)| *is) {
            Some((flag, _)) => bail!("`{flag}` shapes training rows; this format has none"),
            None => Ok(()),
        }
    }

    /// Refuses a trainer's form where `--format` means the report's.
    fn check_report_format(&self) -> anyhow::Result<()> {
        match self.format.as_deref() {
            None | Some("text" | "json") => Ok(()),
            Some(other) => bail!("`--format {other}`: a report is printed as `text` or `json`"),
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a probability is a number from 0 to 1".to_owned()),
    }
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    memory::few_arenas();
    if args.formats {
        print_formats();
        return Ok(Done::Well);
    }
    if args.columns {
        for (name, about) in COLUMNS {
            println!("{}", format!("{name:14} {about}").trim_end());
        }
        return Ok(Done::Well);
    }
    if args.verify.is_some() || args.table1 {
        args.check_report_format()?;
    }
    if let Some(dir) = &args.verify {
        let proved = block_on(prove(dir, &args))?;
        let loaded = if args.loader { loaded(dir, &args)? } else { Done::Well };
        return Ok(if proved == Done::Well { loaded } else { proved });
    }
    let source = args.source.as_deref().context("a RUN or a dataset folder is missing")?;
    if args.table1 {
        return block_on(describe(source, &args));
    }
    let (Some(format), Some(out)) = (&args.format, &args.out) else {
        bail!("say what to write: `--format F --out DIR` (or `--table1`, `--verify DIR`)");
    };
    if let Some(layout) = official::find(format) {
        args.check_official()?;
        return block_on(lay_out(layout, source, out, &args));
    }
    if args.pool.is_some() {
        bail!(
            "`--pool` is for the layouts of evaluation sets; the rows of `{format}` are the RUN's"
        );
    }
    block_on(export(find(format)?, source, out, &args))
}

/// `--loader`: what the trainer's own code finds goes to stdout as it comes.
fn loaded(dir: &str, args: &Args) -> anyhow::Result<Done> {
    let python = args.python.clone().or_else(find_python);
    let python = python.context("no Python is on the path\n  name one by `--python`")?;
    eprintln!("loading by {}", python.display());
    let holds = load(Path::new(dir), &python, &args.model, look().colour)?;
    Ok(if holds { Done::Well } else { Done::Findings })
}

/// The folder that an evaluation set's own script expects.
async fn lay_out(
    layout: &'static OfficialLayout,
    run: &str,
    to: &str,
    args: &Args,
) -> anyhow::Result<Done> {
    let project = args.project.home();
    let pool = args.pool.as_deref();
    let asked = OfficialRequest { run, layout, pool, project: &project, replace: args.replace };
    match official::write(asked, &Store::open(to)?).await {
        Ok(written) => said::laid_out(&written, args.as_json()),
        Err(error) => Err(said::not_laid_out(&error)),
    }
}

fn find(format: &str) -> anyhow::Result<&'static Form> {
    formats::find(format).with_context(|| {
        let ours = FORMS.iter().map(|form| form.name);
        let known: Vec<&str> = ours.chain(LAYOUTS.iter().map(|layout| layout.name)).collect();
        let near = diag::did_you_mean(format, known.iter().copied());
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        format!("`{format}` is no format{near}\n  formats: {}", known.join(", "))
    })
}

async fn export(form: &'static Form, from: &str, to: &str, args: &Args) -> anyhow::Result<Done> {
    let out = Store::open(to)?;
    let request = request(form, args)?;
    // What can be wrong with the request is told before a RUN is read or a folder cleared.
    request.check().map_err(|error| said::refused(error, args))?;
    let source = open(from, out.local_path("").as_deref(), args).await?;
    match write(request, source, &out, args.replace).await {
        Ok(report) => said::report(&report, args.as_json()),
        Err(
            ref error @ (ExportError::NothingLeft { ref report }
            | ExportError::NothingToTrain { ref report, .. }),
        ) => {
            said::report(report, args.as_json())?;
            Err(said::remedied(error))
        }
        Err(error) => Err(said::refused(error, args)),
    }
}

/// The source, and a note where it had to be made first.
async fn open(from: &str, near: Option<&Path>, args: &Args) -> anyhow::Result<Shards> {
    let source = Shards::open(&Env::real(), from, &args.project.home().into(), near).await;
    let source = source.map_err(|error| said::refused(error, args))?;
    tell(&source.warnings);
    if let Some(rebuilt) = &source.rebuilt {
        eprintln!(
            "note: the run has not come to its end ({} calls are wanted next); this exports the {} \
             rows that its journal makes by now",
            rebuilt.wanted(),
            rebuilt.report.dataset.rows
        );
    }
    Ok(source)
}

fn request(form: &'static Form, args: &Args) -> anyhow::Result<Request> {
    let rules = args.rules.as_deref().map(|path| {
        read(path).map(|text| diag::SourceFile { path: path.display().to_string(), text })
    });
    Ok(Request {
        form,
        dialect: args.dialect(),
        control: args.control(),
        system: args.system.as_deref().map(read).transpose()?,
        measure: measure(args)?,
        max_tokens: args.max_tokens,
        max_image_pixels: args.max_image_pixels,
        min_posterior: args.min_posterior,
        rules: rules.transpose()?,
        shares: args.split.clone(),
        seed: args.seed,
        gpus: args.gpus,
        selection: Selection { filter: args.filter.clone(), take: args.take },
        train_on_benchmark: args.train_on_benchmark,
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))
}

/// The tokenizer that was given, or the estimate.
fn measure(args: &Args) -> anyhow::Result<Measure> {
    let Some(path) = &args.tokenizer else { return Ok(Measure::Estimate) };
    let json = std::fs::read(path).with_context(|| format!("`{}`", path.display()))?;
    let tokenizer = Tokenizer::from_json(&json).with_context(|| format!("`{}`", path.display()))?;
    Ok(Measure::Exact(Box::new(tokenizer)))
}

async fn prove(dir: &str, args: &Args) -> anyhow::Result<Done> {
    let found = verify(dir, measure(args)?).await;
    let Verified { verdict, estimated } = found.map_err(|error| said::refused(error, args))?;
    if estimated {
        eprintln!("note: token lengths are estimated; give the `--tokenizer` of the export");
    }
    said::verdict(&verdict, args.as_json())
}

async fn describe(source: &str, args: &Args) -> anyhow::Result<Done> {
    let source = open(source, None, args).await?;
    let lines = table1(source).await.map_err(|error| said::refused(error, args))?;
    if args.as_json() {
        return print_json(&lines);
    }
    print!("{}", table1::text(&lines));
    Ok(Done::Well)
}

fn print_formats() {
    for form in FORMS {
        println!("{}: {}", form.name, form.about);
        for line in form.docs.lines() {
            println!("    {line}");
        }
        let dialects: Vec<&str> = form.dialects.iter().map(|d| d.as_str()).collect();
        println!("    dialects: {}\n", dialects.join(", "));
    }
    for layout in &LAYOUTS {
        println!("{}: {}\n    of runs of: {}\n", layout.name, layout.about, layout.sets.join(", "));
    }
}
