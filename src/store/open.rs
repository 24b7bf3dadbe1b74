//! From a URI to a client: one function a scheme, one line in a table.
//!
//! What a scheme needs (credentials, endpoint, TLS provider, fsync) is settled once, when the store
//! is opened. See `location` for reading and writing.

use crate::env::proxy;
use crate::store::StoreError;
use crate::store::environment::{endpoint, settings};
use futures::FutureExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use std::path::{Component, PathBuf};
use url::Url;

/// An opened scheme.
pub(super) struct Backend {
    pub object: Box<dyn ObjectStore>,
    /// As the user typed it, without a trailing `/`.
    pub uri: String,
    /// Where the URI's own path lies in `object`.
    pub base: Path,
    /// The directory, when it is one.
    pub local: Option<PathBuf>,
    pub remote: bool,
    /// The server's address, where it is known.
    pub server: Option<Url>,
}

impl Backend {
    /// The path of `prefix` under the URI.
    pub fn base_under(&self, prefix: &str) -> Path {
        prefix
            .split('/')
            .filter(|part| !part.is_empty())
            .fold(self.base.clone(), |path, part| path.join(part))
    }
}

/// How long a client is at it: `Hasty` does not ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Usual,
    Hasty,
}

impl Patience {
    fn retry(self) -> RetryConfig {
        match self {
            Patience::Usual => RetryConfig::default(),
            Patience::Hasty => RetryConfig { max_retries: 0, ..RetryConfig::default() },
        }
    }
}

type Open = fn(&str, Patience) -> Result<Backend, String>;

/// Schemes and how each is opened; anything without `://` is a local path.
const SCHEMES: &[(&str, Open)] = &[
    ("file", |uri, _| local(uri, &uri["file://".len()..])),
    ("memory", |uri, _| memory(uri)),
    (crate::builtin::SCHEME, |uri, _| builtin(uri)),
    ("s3", s3),
    ("s3a", s3),
    ("gs", gs),
    ("az", az),
    ("abfs", az),
    ("abfss", az),
];

/// Opens `uri`.
pub(super) fn backend(uri: &str, patience: Patience) -> Result<Backend, StoreError> {
    let location = |what: String| StoreError::Location { place: uri.to_string(), what };
    let Some((scheme, _)) = uri.split_once("://") else {
        return local(uri, uri).map_err(location);
    };
    match SCHEMES.iter().find(|(name, _)| *name == scheme) {
        Some((_, open)) => open(uri, patience).map_err(location),
        None => Err(location(format!(
            "`{scheme}` is not a scheme known here; use a directory, `s3://`, `gs://`, `az://` or \
             `memory://`"
        ))),
    }
}

fn local(uri: &str, path: &str) -> Result<Backend, String> {
    if path.is_empty() {
        return Err("the path is empty".to_string());
    }
    let path = resolve(std::path::Path::new(path)).map_err(|e| e.to_string())?;
    if path.exists() && !path.is_dir() {
        return Err("it is a file, not a directory".to_string());
    }
    Ok(Backend {
        // Rooted at `/`, so that a directory that is not there yet can be opened. Without
        // `with_fsync` object_store would report a write done that a power cut can still undo.
        object: Box::new(LocalFileSystem::new().with_fsync(true)),
        uri: trimmed(uri),
        base: Path::from_absolute_path(&path).map_err(|e| e.to_string())?,
        local: Some(path),
        remote: false,
        server: None,
    })
}

/// `path` made absolute: links of the part that exists are followed, the rest is taken as written.
fn resolve(path: &std::path::Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut resolved = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            part => resolved.push(part),
        }
        if let Ok(real) = resolved.canonicalize() {
            resolved = real;
        }
    }
    Ok(resolved)
}

fn memory(uri: &str) -> Result<Backend, String> {
    Ok(Backend {
        object: Box::new(InMemory::new()),
        uri: trimmed(uri),
        base: Path::default(),
        local: None,
        remote: false,
        server: None,
    })
}

/// The built-in project as a store of its own: what a pipeline's `data/pool` is where there is no
/// checkout. Writes to it are forgotten.
fn builtin(uri: &str) -> Result<Backend, String> {
    let (_, path) = uri.split_once("://").unwrap_or_default();
    let object = InMemory::new();
    for (name, bytes) in crate::builtin::files() {
        let path = Path::from(name);
        let put = object.put(&path, bytes::Bytes::from_static(bytes).into());
        // Memory answers at once.
        put.now_or_never().transpose().map_err(|e| e.to_string())?;
    }
    Ok(Backend {
        object: Box::new(object),
        uri: trimmed(uri),
        base: Path::from(path.trim_matches('/')),
        local: None,
        remote: false,
        server: None,
    })
}

fn s3(uri: &str, patience: Patience) -> Result<Backend, String> {
    let settings = settings("AWS_")?;
    let region = settings.iter().find(|(name, _)| name == "aws_region").map(|(_, value)| value);
    let usual = format!(
        "https://s3.{}.amazonaws.com",
        region.map_or("us-east-1", |region| region.as_str())
    );
    let server = endpoint(&settings).or_else(|| Url::parse(&usual).ok());
    bucket(uri, server, |server, options| {
        // Who types an `http://` endpoint means it: servers on the own host or network.
        let plain = server.is_some_and(|server| server.scheme() == "http");
        let mut builder = object_store::aws::AmazonS3Builder::new().with_client_options(options);
        for (name, value) in &settings {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        builder = builder.with_url(uri).with_retry(patience.retry());
        if plain {
            builder = builder.with_allow_http(true);
        }
        Ok(Box::new(builder.build()?))
    })
}

fn gs(uri: &str, patience: Patience) -> Result<Backend, String> {
    let settings = settings("GOOGLE_")?;
    let usual = || Url::parse("https://storage.googleapis.com").ok();
    bucket(uri, endpoint(&settings).or_else(usual), |_, options| {
        let mut builder =
            object_store::gcp::GoogleCloudStorageBuilder::from_env().with_client_options(options);
        for (name, value) in &settings {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        Ok(Box::new(builder.with_url(uri).with_retry(patience.retry()).build()?))
    })
}

fn az(uri: &str, patience: Patience) -> Result<Backend, String> {
    let settings = settings("AZURE_")?;
    bucket(uri, endpoint(&settings), |_, options| {
        let mut builder =
            object_store::azure::MicrosoftAzureBuilder::from_env().with_client_options(options);
        for (name, value) in &settings {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        Ok(Box::new(builder.with_url(uri).with_retry(patience.retry()).build()?))
    })
}

fn bucket(
    uri: &str,
    server: Option<Url>,
    build: impl FnOnce(Option<&Url>, ClientOptions) -> Result<Box<dyn ObjectStore>, object_store::Error>,
) -> Result<Backend, String> {
    // The process-wide TLS provider; another caller may have installed it before us.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = Url::parse(uri).map_err(|e| e.to_string())?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the bucket's name is missing".to_string());
    }
    let base = Path::from_url_path(url.path()).map_err(|e| e.to_string())?;
    let mut options = ClientOptions::new();
    if server.as_ref().is_some_and(proxy::is_loopback) {
        // A proxy that is named here takes the place of the environment's, and is passed by.
        options = options.with_proxy_url("http://127.0.0.1:9").with_proxy_excludes(proxy::LOOPBACK);
    }
    let object = build(server.as_ref(), options).map_err(|e| e.to_string())?;
    Ok(Backend { object, uri: trimmed(uri), base, local: None, remote: true, server })
}

fn trimmed(uri: &str) -> String {
    let short = uri.trim_end_matches('/');
    if short.is_empty() || short.ends_with(':') { uri.to_string() } else { short.to_string() }
}
