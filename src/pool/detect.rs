//! What a path is taken for.

use crate::diag::did_you_mean;
use crate::pool::PoolError;
use crate::pool::input::Input;
use crate::pool::readers::{READERS, Reader};

/// A path's format, and why it was taken for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The reader's name.
    pub format: &'static str,
    /// One line of docs.
    pub about: &'static str,
    /// Files at the path, and their bytes.
    pub files: usize,
    pub bytes: u64,
}

/// Says what `uri` would be read as, or with `format`, that it is known.
pub async fn detect(uri: &str, format: Option<&str>) -> Result<Detected, PoolError> {
    let (input, reader) = find(uri, format).await?;
    Ok(Detected {
        format: reader.name,
        about: reader.about,
        files: input.files().len(),
        bytes: input.files().iter().map(|(_, size)| size).sum(),
    })
}

pub(super) async fn find(
    uri: &str,
    format: Option<&str>,
) -> Result<(Input, &'static Reader), PoolError> {
    let input = Input::resolve(uri).await?;
    let unknown = |what: String| PoolError::Unknown { uri: uri.to_owned(), what };
    if let Some(format) = format {
        let reader = READERS.iter().find(|r| r.name == format).ok_or_else(|| {
            let names: Vec<&str> = READERS.iter().map(|r| r.name).collect();
            let near = did_you_mean(format, names.iter().copied())
                .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
            unknown(format!("there is no format `{format}`{near} (known: {})", names.join(", ")))
        })?;
        return Ok((input, reader));
    }
    // Looking into files blocks, and a bucket's file is fetched by the runtime itself.
    let looked = tokio::task::spawn_blocking(move || {
        let reader = READERS.iter().find(|r| (r.claims)(&input));
        (input, reader)
    });
    let (input, reader) = looked.await.map_err(|_| PoolError::Lost { uri: uri.to_owned() })?;
    let names: Vec<&str> = READERS.iter().map(|r| r.name).collect();
    let reader = reader.ok_or_else(|| {
        let list = names.join(", ");
        unknown(format!("its format is not recognised; name one with `format = …` ({list})"))
    })?;
    Ok((input, reader))
}
