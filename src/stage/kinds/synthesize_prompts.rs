//! placeholder
use super::super::*;
pub const KIND: Kind = Kind {
    name: "synthesize_prompts",
    about: "x",
    docs: "",
    arity: Arity::None,
    ports: &[Port { name: "all", doc: "" }],
    reasons: &[],
    params: &[],
    flow: |_, _| Ok(vec![]),
    flow_all: None,
    compile: |_| Err(vec![]),
};
