//! A pool's digest: it tells that a run goes on with another pool than it began with.

use crate::pool::{PoolError, SourceOptions, Sources, spooled};
use crate::record::Digest;
use crate::store::{Store, StoreError};

/// Pools up to this size are digested by content, larger ones by names and sizes. Bytes.
const BY_CONTENT: u64 = 64 << 20;

/// BLAKE3, hex, over the files of each source and how they are read. A source that is not there is an
/// error: told here, it has not yet made a RUN.
pub async fn digest(sources: &Sources) -> Result<String, PoolError> {
    let mut hasher = blake3::Hasher::new_derive_key("coldstart 2026 pool v1");
    for source in &sources.list {
        add_files(&mut hasher, &source.path).await?;
        hasher.update(reading(&source.options).as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// How a source is read, as the first version of the digest has it: manifests hold digests of it. Taken
/// apart by name, so that a new option cannot be forgotten.
fn reading(options: &SourceOptions) -> String {
    let SourceOptions {
        name,
        format,
        fields,
        category,
        categories,
        licence,
        images,
        verify,
        on_bad,
        cap,
        max_chars,
        max_bytes,
    } = options;
    format!(
        "Options {{ name: {name:?}, format: {format:?}, fields: {fields:?}, category: {category:?}, \
         categories: {categories:?}, licence: {licence:?}, images: {images:?}, verify: {verify:?}, \
         on_bad: {on_bad:?}, cap: {cap:?}, max_chars: {max_chars:?}, max_bytes: {max_bytes:?} }}"
    )
}

/// Names, sizes and, of small pools, contents.
async fn add_files(hasher: &mut blake3::Hasher, path: &str) -> Result<(), PoolError> {
    let spooled = spooled(path)?;
    let path = spooled.as_deref().unwrap_or(path);
    let (folder, name) = folder_and_name(path);
    let store = Store::open(folder)?;
    let mut files = store.list(name).await?;
    if files.is_empty() && !name.is_empty() && store.exists(name).await? {
        files.push((name.to_owned(), store.size(name).await?));
    }
    if files.is_empty() {
        return Err(StoreError::NotFound { place: path.to_owned() }.into());
    }
    let total: u64 = files.iter().map(|(_, size)| size).sum();
    for (name, size) in files {
        hasher.update(name.as_bytes());
        hasher.update(&size.to_le_bytes());
        if total <= BY_CONTENT {
            hasher.update(&Digest::of(&store.get(&name).await?).0);
        }
    }
    Ok(())
}

/// A path as a folder to open and what to list in it; a bucket's root, `.` and `/` have no name.
fn folder_and_name(path: &str) -> (&str, &str) {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit_once('/') {
        _ if trimmed.is_empty() => ("/", ""),
        _ if trimmed.ends_with("/.") || trimmed.ends_with("..") || trimmed == "." => (trimmed, ""),
        Some(("", name)) => ("/", name),
        Some((scheme, _)) if scheme.ends_with(":/") => (trimmed, ""),
        Some((folder, name)) => (folder, name),
        None => (".", trimmed),
    }
}

#[cfg(test)]
mod tests {
    use super::{folder_and_name, reading};
    use crate::pool::SourceOptions;

    #[test]
    fn every_path_has_a_folder_that_can_be_opened() {
        for (path, folder, name) in [
            ("data/pool", "data", "pool"),
            ("data/pool/", "data", "pool"),
            ("prompts.jsonl", ".", "prompts.jsonl"),
            ("/prompts.jsonl", "/", "prompts.jsonl"),
            ("/", "/", ""),
            (".", ".", ""),
            ("../..", "../..", ""),
            ("s3://bucket", "s3://bucket", ""),
            ("s3://bucket/", "s3://bucket", ""),
            ("s3://bucket/a.jsonl", "s3://bucket", "a.jsonl"),
            ("s3://bucket/a/b", "s3://bucket/a", "b"),
        ] {
            assert_eq!(folder_and_name(path), (folder, name), "{path}");
        }
    }

    #[test]
    fn the_text_of_options_is_the_one_that_manifests_have() {
        let text = "Options { name: \"\", format: None, fields: Fields { prompt: None, category: None, \
                    spec: None, gloss: None, image: None, licence: None }, category: None, \
                    categories: {}, licence: None, images: Load, verify: Decode, on_bad: Skip, \
                    cap: None, max_chars: 8000, max_bytes: 67108864 }";
        assert_eq!(reading(&SourceOptions::default()), text);
    }
}
