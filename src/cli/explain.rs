//! `coldstart explain`: one record's whole life.

use crate::archive::RunDir;
use crate::audit::HashedMap;
use crate::audit::lineage::{Life, life, resolve};
use crate::audit::show::{Inline, LifeLook, life_text};
use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::shared::{Format, block_on, print_json};
use crate::record::ImageRef;
use crate::store::Blobs;
use std::io::IsTerminal;

/// Explain a record: each stage's decision with its evidence, each call, its cost
///
/// Pictures are given as paths, and drawn in terminals that can (kitty, Ghostty, Konsole, iTerm2,
/// WezTerm, mintty).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI
    run: String,
    /// The record's id, or its unique beginning
    id: String,
    /// Requests, reasoning, replies and checks whole
    #[arg(long)]
    full: bool,
    /// Whether to draw pictures: as the terminal's environment says, not at all, or in this form
    #[arg(long, value_enum, default_value = "auto")]
    pictures: Pictures,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Pictures {
    Auto,
    Never,
    Kitty,
    Iterm,
}

impl Pictures {
    fn inline(self) -> Option<Inline> {
        match self {
            Pictures::Auto if std::io::stdout().is_terminal() => {
                Inline::of(|name| std::env::var(name).ok())
            }
            Pictures::Auto | Pictures::Never => None,
            Pictures::Kitty => Some(Inline::Kitty),
            Pictures::Iterm => Some(Inline::Iterm),
        }
    }
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let run = RunDir::open(&args.run).await?;
        let id = resolve(&run, &args.id).await?;
        let life = life(&run, &id).await?;
        for part in &life.unreadable {
            eprintln!("warning: `{}` cannot be read: {}", part.name, part.what);
        }
        match args.format {
            Format::Text => text(&run, &life, &args).await,
            Format::Json => print_json(&life),
        }
    })
}

async fn text(run: &RunDir, life: &Life, args: &Args) -> anyhow::Result<Done> {
    let drawn = match args.pictures.inline() {
        Some(inline) => inline.pictures(run, life).await,
        None => HashedMap::default(),
    };
    let path = |image: &ImageRef| {
        let name = Blobs::name(image.digest);
        let local = run.store().local_path(&name);
        let place = local.map_or(name, |path| path.display().to_string());
        format!("{place} ({}x{} {})", image.width, image.height, image.mime.ext())
    };
    let how = LifeLook {
        look: look(),
        full: args.full,
        path: &path,
        draw: &|image| drawn.get(&image.digest).cloned().unwrap_or_default(),
    };
    print!("{}", life_text(life, &how));
    Ok(Done::Well)
}
