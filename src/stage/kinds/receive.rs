//! `receive`: what a trainer sends to `coldstart serve`. It is the source of a service's pipeline.

use crate::diag::Diagnostic;
use crate::stage::{
    Arity, Compile, Does, Facts, Kind, Param, Params, Port, Source, SourceCx, SourceItem, Stage,
    StageError, Ty,
};
use futures::StreamExt;
use futures::stream::BoxStream;

pub const KIND: Kind = Kind {
    name: "receive",
    about: "Takes captions or rollouts that a trainer sends to `coldstart serve`.",
    docs: "The service's own source: every request that is answered leaves a row here and one at the \
           stage behind it, so that a service's RUN is audited like any other. `what` says which \
           requests come: captions to be drawn (`POST /image`), or finished rollouts to be rewarded \
           (`POST /reward`). `grammar` is how the agent writes its turns; a rollout with more than \
           `n_max` pictures is refused as a mistake of the caller's. `coldstart run` of such a pipeline \
           finds nothing to do.",
    does: Does::Receive,
    accepts: &["received"],
    rejects: &[],
    arity: Arity::None,
    ports: &[Port { name: "received", doc: "a request that could be answered" }],
    reasons: &[],
    params: &[
        Param {
            name: "what",
            ty: Ty::Choice(&["captions", "rollouts"]),
            default: Some("rollouts"),
            doc: "which requests come this way",
        },
        Param {
            name: "grammar",
            ty: Ty::Choice(&["v1", "v2", "native"]),
            default: Some("v1"),
            doc: "how the agent writes its turns",
        },
        Param {
            name: "n_max",
            ty: Ty::Int { min: 1, max: 16 },
            default: Some("3"),
            doc: "pictures of a rollout at most",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(params: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    let facts = match params.text("what") {
        "captions" => Facts { rounds: 1, ..facts },
        _ => {
            let rounds = u8::try_from(params.int("n_max")).unwrap_or(u8::MAX);
            Facts { rounds, image: true, judged: true, ..facts }
        }
    };
    Ok(vec![("received", facts)])
}

fn compile(_: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Source { source: Box::new(Receive), make: None })
}

/// Nothing comes of itself.
struct Receive;

#[async_trait::async_trait]
impl Source for Receive {
    async fn digest(&self) -> Result<Option<String>, StageError> {
        Ok(None)
    }

    fn size_hint(&self) -> Option<u64> {
        Some(0)
    }

    fn items<'a>(&'a self, _: &'a SourceCx) -> BoxStream<'a, Result<SourceItem, StageError>> {
        futures::stream::empty().boxed()
    }
}
