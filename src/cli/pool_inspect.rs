//! `coldstart pool inspect PATH`: what a path is taken for, what is in it, what cannot be used.

use crate::cli::Done;
use crate::cli::shared::Format;
use crate::media::Verify;
use crate::pool::readers::{READERS, Reader};
use crate::pool::show::inspection_text;
use crate::pool::{Fields, Images, SourceOptions, inspect};
use crate::text::shown::line;
use serde_json::json;

/// Say what a path is read as, the fields it maps, counts, a few rows, and what cannot be used.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, a folder or a bucket's URI.
    #[arg(required_unless_present = "formats")]
    path: Option<String>,
    /// Read it as this format rather than by what it looks like.
    #[arg(long)]
    read_as: Option<String>,
    /// `ours=theirs`: prompt, category, spec, gloss, image, licence. May be repeated.
    #[arg(long = "field", value_name = "OURS=THEIRS", value_parser = pair)]
    fields: Vec<(String, String)>,
    /// Stop after so many rows.
    #[arg(long)]
    limit: Option<u64>,
    /// Rows to show.
    #[arg(long, default_value_t = 5)]
    rows: usize,
    /// Do not open images (fast).
    #[arg(long)]
    no_images: bool,
    /// Decode every pixel of every image, not only headers.
    #[arg(long)]
    decode: bool,
    /// List the formats that are known, with their layouts.
    #[arg(long)]
    formats: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (ours, theirs) = text.split_once('=').ok_or("write it as ours=theirs")?;
    if !Fields::NAMES.contains(&ours) {
        return Err(format!("`{ours}` is none of {}", Fields::NAMES.join(", ")));
    }
    Ok((ours.to_owned(), theirs.to_owned()))
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    if args.formats {
        return formats(args.format);
    }
    let path = args.path.clone().unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new()?;
    let found = runtime.block_on(inspect(&path, &options(&args), args.rows))?;
    match args.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&found)?),
        Format::Text => print!("{}", inspection_text(&found)),
    }
    if found.rows == 0 {
        let why = if found.bytes == 0 { ": there is nothing in its files" } else { "" };
        eprintln!("error: no prompt was found in `{}`{why}", line(&found.path, 200));
    }
    Ok(if found.rows == 0 { Done::Findings } else { Done::Well })
}

fn formats(format: Format) -> anyhow::Result<Done> {
    match format {
        Format::Text => READERS.iter().for_each(|reader| {
            println!("{:<18} {}\n{:<18} {}\n", reader.name, reader.about, "", reader.layout);
        }),
        Format::Json => {
            let row = |r: &Reader| json!({"name": r.name, "about": r.about, "layout": r.layout});
            let rows: Vec<serde_json::Value> = READERS.iter().map(row).collect();
            println!("{}", serde_json::to_string_pretty(&rows)?);
        }
    }
    Ok(Done::Well)
}

fn options(args: &Args) -> SourceOptions {
    let mut fields = Fields::default();
    for (ours, theirs) in &args.fields {
        fields.set(ours, theirs.clone());
    }
    SourceOptions {
        format: args.read_as.clone(),
        fields,
        images: if args.no_images { Images::Skip } else { Images::Load },
        verify: if args.decode { Verify::Decode } else { Verify::Header },
        cap: args.limit,
        ..SourceOptions::default()
    }
}
