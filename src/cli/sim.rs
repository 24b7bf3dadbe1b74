//! `coldstart sim`: the simulated world as a server of its own, for measurements and for trying the
//! pipeline's endpoints file without keys.

use crate::cli::Done;
use crate::env::{Env, Phase};
use crate::sim::{Faults, Server, SimOptions, World};
use anyhow::Context;
use std::time::Duration;

/// Serve simulated models over the wire formats of the real ones.
///
/// OpenAI chat and images, Gemini generateContent and the GenAgent image server, on 127.0.0.1.
/// Every picture is drawn and judged by its pixels; nothing here is a real model. The same request
/// always gets the same reply. `GET /stats` tells what was asked, as JSON.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Port to listen on (0: any free one, printed on stdout)
    #[arg(long, default_value_t = 8377)]
    port: u16,
    /// Seed of everything that is drawn by chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long each request holds its slot, in milliseconds
    #[arg(long, value_name = "N", default_value_t = 0)]
    latency_ms: u64,
    /// Requests served at once; further ones queue (0: no limit)
    #[arg(long, value_name = "N", default_value_t = 0)]
    slots: usize,
    /// Pad pictures to at least so many KB
    #[arg(long, value_name = "KB", default_value_t = 0)]
    image_kb: usize,
    #[command(flatten)]
    errors: Errors,
    #[command(flatten)]
    faults: FaultRates,
}

/// What the models get wrong.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Errors of the models (rates, 0 to 1)")]
struct Errors {
    /// A judge's answer to one question is turned round
    #[arg(long, value_name = "RATE", value_parser = rate)]
    judge_error: Option<f64>,
    /// Of a judge's errors, the share that every model of its family makes at that question of
    /// that picture; the rest is drawn for each look
    #[arg(long, value_name = "RATE", value_parser = rate)]
    judge_repeat: Option<f64>,
    /// A judge answers yes to everything without looking
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rubber_stamp: Option<f64>,
    /// A judge's first reply cannot be read
    #[arg(long, value_name = "RATE", value_parser = rate)]
    unparsed: Option<f64>,
    /// A comparison goes to the picture that is shown first
    #[arg(long, value_name = "RATE", value_parser = rate)]
    place_bias: Option<f64>,
    /// A reflector speaks of the hint it was shown
    #[arg(long, value_name = "RATE", value_parser = rate)]
    leak: Option<f64>,
    /// A teacher's or reflector's turn breaks the format
    #[arg(long, value_name = "RATE", value_parser = rate)]
    format_error: Option<f64>,
    /// A rationale closes with the opposite of its verdict
    #[arg(long, value_name = "RATE", value_parser = rate)]
    contradiction: Option<f64>,
    /// Resolving a riddle goes wrong
    #[arg(long, value_name = "RATE", value_parser = rate)]
    decode_error: Option<f64>,
    /// A riddle gives a word away or loses a detail
    #[arg(long, value_name = "RATE", value_parser = rate)]
    riddle_error: Option<f64>,
    /// A caption loses or bends something that was asked for
    #[arg(long, value_name = "RATE", value_parser = rate)]
    drift: Option<f64>,
    /// A teacher repeats the user's words as its caption
    #[arg(long, value_name = "RATE", value_parser = rate)]
    copy: Option<f64>,
    /// A verifier of leaks, verdicts or intent is wrong
    #[arg(long, value_name = "RATE", value_parser = rate)]
    verifier_error: Option<f64>,
    /// A scene that the generator gets wrong however it is asked
    #[arg(long, value_name = "RATE", value_parser = rate)]
    stubborn: Option<f64>,
    /// Scales the generator's errors: 1 as in the demo, 0 none
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    clumsiness: Option<f64>,
}

/// What the server gets wrong; a retry draws anew.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Faults of the server (rates, 0 to 1)")]
struct FaultRates {
    /// A rate for each of 429, 500, 503, cut, garbage and slow, where their own is not given
    #[arg(long, value_name = "RATE", value_parser = rate, default_value_t = 0.0)]
    faults: f64,
    /// 429 with Retry-After
    #[arg(long, value_name = "RATE", value_parser = rate)]
    fault_429: Option<f64>,
    /// Internal server error
    #[arg(long, value_name = "RATE", value_parser = rate)]
    fault_500: Option<f64>,
    /// Overloaded, without Retry-After
    #[arg(long, value_name = "RATE", value_parser = rate)]
    fault_503: Option<f64>,
    /// No answer until the client gives up
    #[arg(long, value_name = "RATE", value_parser = rate, default_value_t = 0.0)]
    fault_stall: f64,
    /// The connection breaks in the middle of the body
    #[arg(long, value_name = "RATE", value_parser = rate)]
    fault_cut: Option<f64>,
    /// Status 200 with something that is no reply
    #[arg(long, value_name = "RATE", value_parser = rate)]
    fault_garbage: Option<f64>,
    /// The body drips in over a second
    #[arg(long, value_name = "RATE", value_parser = rate)]
    fault_slow: Option<f64>,
    /// Another model answers
    #[arg(long, value_name = "RATE", value_parser = rate, default_value_t = 0.0)]
    wrong_model: f64,
    /// The safety filter refuses, however often it is asked
    #[arg(long, value_name = "RATE", value_parser = rate, default_value_t = 0.0)]
    blocked: f64,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number from 0 to 1".to_owned()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.0..=100.0).contains(&factor) => Ok(factor),
        _ => Err("a factor is a number from 0 to 100".to_owned()),
    }
}

impl FaultRates {
    fn build(&self) -> Faults {
        let or = |own: Option<f64>| own.unwrap_or(self.faults);
        Faults {
            too_many: or(self.fault_429),
            internal: or(self.fault_500),
            unavailable: or(self.fault_503),
            stall: self.fault_stall,
            cut: or(self.fault_cut),
            garbage: or(self.fault_garbage),
            slow: or(self.fault_slow),
            wrong_model: self.wrong_model,
            blocked: self.blocked,
        }
    }
}

impl Args {
    /// The world as it is by default, but for what was said.
    fn world(&self) -> World {
        let mut world = World { seed: self.seed, ..World::default() };
        let (e, w) = (&self.errors, &mut world);
        for (said, of) in [
            (e.judge_error, &mut w.judge_error),
            (e.judge_repeat, &mut w.judge_repeat),
            (e.rubber_stamp, &mut w.rubber_stamp),
            (e.unparsed, &mut w.unparsed),
            (e.place_bias, &mut w.place_bias),
            (e.leak, &mut w.leak),
            (e.format_error, &mut w.format_error),
            (e.contradiction, &mut w.contradiction),
            (e.decode_error, &mut w.decode_error),
            (e.riddle_error, &mut w.riddle_error),
            (e.drift, &mut w.drift),
            (e.copy, &mut w.copy),
            (e.verifier_error, &mut w.verifier_error),
            (e.stubborn, &mut w.stubborn),
            (e.clumsiness, &mut w.clumsiness),
        ] {
            *of = said.unwrap_or(*of);
        }
        world
    }

    fn options(&self) -> SimOptions {
        SimOptions {
            port: self.port,
            latency: Duration::from_millis(self.latency_ms),
            slots: self.slots,
            faults: self.faults.build(),
            image_bytes: self.image_kb << 10,
        }
    }
}

/// Serves until Ctrl-C.
pub fn run(args: Args) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let env = Env::real();
        let port = args.port;
        let (url, server) =
            Server::start(env.clone(), args.world(), args.options()).await.with_context(|| {
                format!("port {port} cannot be listened on; choose another with `--port`")
            })?;
        println!("{url}");
        eprintln!("simulated world on {url}; stats on {url}/stats; Ctrl-C ends it");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = env.shutdown().reached(Phase::Draining) => {}
        }
        server.stop().await;
        Ok(Done::Well)
    })
}
