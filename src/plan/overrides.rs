//! What the command line says over the files of a project.

/// What the command line says over the files.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub seed: u64,
    /// (stage, parameter, value as in TOML), from `--set`.
    pub set: Vec<(String, String, String)>,
    /// Flags that stand for a parameter of every stage of a kind.
    pub flags: Vec<Flag>,
}

/// `--pool`, `--target`: a parameter under a name of its own.
#[derive(Debug, Clone)]
pub struct Flag {
    /// As the user writes it.
    pub flag: &'static str,
    pub kind: &'static str,
    pub param: &'static str,
    pub value: String,
    /// A parameter by which a stage refuses it; with one, no stage need be of that kind either.
    pub unless: Option<&'static str>,
}
