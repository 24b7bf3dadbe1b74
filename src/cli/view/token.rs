//! The token in the viewer's address: a new one each time, or one that is kept, so that an address can be
//! written down.

use crate::env::Env;
use anyhow::Context;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The token to serve under: of `file` where one is named, else the one kept for `port`, else a new one.
/// A file that is not there is made, for its owner's eyes only; `new` puts a new token there.
pub fn token(env: &Env, file: Option<&Path>, port: u16, new: bool) -> anyhow::Result<String> {
    let kept = match file {
        Some(file) => file.to_path_buf(),
        // A free port is another each time, and so is its address.
        None if port == 0 => return Ok(fresh(env)),
        None => match of_port(port) {
            Some(file) => file,
            None => return Ok(fresh(env)),
        },
    };
    if !new && let Some(token) = read(&kept)? {
        return Ok(token);
    }
    let token = fresh(env);
    write(&kept, &token).with_context(|| format!("`{}` cannot be written", kept.display()))?;
    Ok(token)
}

fn fresh(env: &Env) -> String {
    format!("{:016x}{:016x}", env.entropy(), env.entropy())
}

/// Where programs of this user keep what outlives them.
fn of_port(port: u16) -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    Some(state.or_else(home)?.join("coldstart").join(format!("view-{port}.token")))
}

/// A guessable token would be none.
const SHORTEST: usize = 16;

fn read(file: &Path) -> anyhow::Result<Option<String>> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("`{}` cannot be read", file.display()))?,
    };
    let token = text.trim();
    let plain = token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    anyhow::ensure!(
        plain && token.len() >= SHORTEST,
        "`{}` holds no token: {SHORTEST} or more letters and digits\n  `--new-token` puts one there",
        file.display()
    );
    Ok(Some(token.to_owned()))
}

fn write(file: &Path, token: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(format!("{token}\n").as_bytes())
}
