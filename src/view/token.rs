//! The token in the viewer's address: a new one each time, or one that is kept, so that an address can be
//! written down.

use crate::env::Env;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A token that cannot be kept, or a file that holds none.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("`{path}` cannot be {act}")]
    File {
        path: String,
        /// `read` or `written`.
        act: &'static str,
        #[source]
        cause: std::io::Error,
    },
    #[error(
        "`{path}` holds no token: {SHORTEST} or more letters and digits\n  `--new-token` puts one there"
    )]
    NoToken { path: String },
}

/// The token to serve under: of `file` where one is named, else the one kept for `port`, else a new one.
/// A file that is not there is made, for its owner's eyes only; `new` puts a new token there.
pub fn token(env: &Env, file: Option<&Path>, port: u16, new: bool) -> Result<String, TokenError> {
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
    write(&kept, &token).map_err(|cause| file_error(&kept, "written", cause))?;
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

fn file_error(file: &Path, act: &'static str, cause: std::io::Error) -> TokenError {
    TokenError::File { path: file.display().to_string(), act, cause }
}

fn read(file: &Path) -> Result<Option<String>, TokenError> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|cause| file_error(file, "read", cause))?,
    };
    let token = text.trim();
    let plain = token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !plain || token.len() < SHORTEST {
        return Err(TokenError::NoToken { path: file.display().to_string() });
    }
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
