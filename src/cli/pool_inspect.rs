//! `coldstart pool inspect PATH`: what a path is taken for, what is in it, what cannot be used.

use crate::cli::Done;
use crate::cli::shared::Format;
use crate::media::Verify;
use crate::pool::readers::{READERS, Reader};
use crate::pool::{Fields, Images, Inspection, SourceOptions, inspect};
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
        Format::Text => print_text(&found),
    }
    if found.rows == 0 {
        let why = if found.bytes == 0 { ": there is nothing in its files" } else { "" };
        eprintln!("error: no prompt was found in `{}`{why}", plain(&found.path, 200));
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
        let slot = match ours.as_str() {
            "prompt" => &mut fields.prompt,
            "category" => &mut fields.category,
            "spec" => &mut fields.spec,
            "gloss" => &mut fields.gloss,
            "image" => &mut fields.image,
            _ => &mut fields.licence,
        };
        *slot = Some(theirs.clone());
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

fn print_text(found: &Inspection) {
    println!("{}: `{}`, {}", found.path, found.format, found.about);
    println!("{} files, {} bytes", found.files, found.bytes);
    let more = if found.more { " (stopped by --limit)" } else { "" };
    println!("{} rows{more}, {} with a spec", found.rows, found.specs);
    let images = &found.images;
    println!("{} images, {} missing, {} damaged", images.found, images.missing, images.damaged);
    print_unread(found);
    println!("\nfields");
    for field in &found.fields {
        println!("  {:>9}  {:<9} from {}", field.rows, field.ours, plain(&field.theirs, 60));
    }
    println!("\ncategories");
    let mut categories: Vec<_> = found.categories.iter().collect();
    categories.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), name.as_str()));
    for (name, n) in categories.iter().take(30) {
        println!("  {n:>9}  {}", plain(name, 80));
    }
    if categories.len() > 30 {
        println!("  … and {} more", categories.len() - 30);
    }
    if !found.bad.is_empty() {
        println!("\ncannot be used");
    }
    for (kind, rows) in &found.bad {
        println!("  {:>9}  {kind}", rows.count);
        rows.examples.iter().for_each(|e| println!("             {}", plain(e, 160)));
    }
    println!("\nrows");
    for row in &found.sample {
        let image = row.image.as_deref().map(|i| format!("  [{i}]")).unwrap_or_default();
        let spec = if row.spec { "  [spec]" } else { "" };
        println!(
            "  {}  {}{image}{spec}\n    {}",
            plain(&row.key, 120),
            plain(&row.category, 40),
            plain(&row.text, 200)
        );
    }
}

fn print_unread(found: &Inspection) {
    if found.unread_files > 0 {
        let names: Vec<String> = found.unread_examples.iter().map(|n| plain(n, 60)).collect();
        let rest = if found.unread_files > names.len() as u64 { ", …" } else { "" };
        println!("{} files not read: {}{rest}", found.unread_files, names.join(", "));
    }
}

/// Text of unknown origin for a terminal: one line, bounded, no control characters.
pub(super) fn plain(text: &str, most: usize) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most + 1).collect();
    if clean.chars().count() > most {
        clean.chars().take(most).chain(['…']).collect()
    } else {
        clean
    }
}
