//! `coldstart export`: a dataset in a trainer's own form; `--verify` proves one; `--table1` describes
//! the data.
//!
//! Not here: the forms (`export::formats`). The one idea: two passes over the rows, one that sees
//! all prompts and settles the splits, one that streams rows to files; memory holds neither images
//! nor conversations of more than a few rows.

mod ahead;
mod carry;
mod groups;
mod items;
mod place;
mod read;
mod verify;
mod write;

use crate::cli::shared::{ProjectArg, block_on};
use crate::cli::{Done, memory};
use crate::export::control::ControlTokens;
use crate::export::conversation::Dialect;
use crate::export::formats::{self, FORMS};
use crate::export::split::Shares;
use anyhow::{Context, bail};
use clap::ValueEnum;
use std::path::PathBuf;

/// Write a dataset in the form that a trainer's own loader accepts, or prove one that was written
#[derive(Debug, clap::Args)]
#[command(after_help = "Formats: see `coldstart export --formats`.\n\
    An export can be told whole by its `export.json`, which is written last.")]
pub struct Args {
    /// A RUN (finished or not), or a folder of dataset shards: a directory or a bucket URI
    #[arg(required_unless_present_any = ["verify", "formats"])]
    source: Option<String>,
    /// The trainer's form; with --verify and --table1: text or json
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
    /// Which prompts fall on which side is a function of it
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
    /// Print the paper's Table 1 diagnostics of the data; write nothing
    #[arg(long, conflicts_with_all = ["out", "verify"])]
    table1: bool,
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

    /// Refuses a trainer's form where `--format` means the report's.
    fn check_report_format(&self) -> anyhow::Result<()> {
        match self.format.as_deref() {
            None | Some("text" | "json") => Ok(()),
            Some(other) => bail!("`--format {other}`: a report is printed as `text` or `json`"),
        }
    }
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    memory::few_arenas();
    if args.formats {
        print_formats();
        return Ok(Done::Well);
    }
    if args.verify.is_some() || args.table1 {
        args.check_report_format()?;
    }
    if let Some(dir) = &args.verify {
        return block_on(verify::verify(dir, &args));
    }
    let source = args.source.as_deref().context("a RUN or a dataset folder is missing")?;
    if args.table1 {
        return block_on(read::table1(source, &args.project.home(), args.as_json()));
    }
    let (Some(format), Some(out)) = (&args.format, &args.out) else {
        bail!("say what to write: `--format F --out DIR` (or `--table1`, `--verify DIR`)");
    };
    let Some(form) = formats::find(format) else {
        let known: Vec<&str> = FORMS.iter().map(|form| form.name).collect();
        let near = crate::diag::did_you_mean(format, known.iter().copied());
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        bail!("`{format}` is no format{near}\n  formats: {}", known.join(", "));
    };
    if !form.dialects.contains(&args.dialect()) {
        bail!(
            "format `{format}` has no dialect `{}`: its trainer would render tool turns another way",
            args.dialect().as_str()
        );
    }
    block_on(write::write(form, source, out, &args))
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
}
