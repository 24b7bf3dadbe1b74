//! The simulated world as an HTTP server: its options, start and end.
//!
//! A request waits for a slot, holds it for the latency, and is then answered by a pure function of
//! its body. See `serve` for what a request gets, `mind` for what the models say, `wire` for bodies'
//! shapes.

use crate::env::Env;
use crate::sim::World;
use crate::sim::faults::Faults;
use crate::sim::mind::Mind;
use crate::sim::serve::serve;
use crate::sim::stats::{Ledger, Stats};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How the server behaves, apart from what its models are like.
#[derive(Debug, Clone, PartialEq)]
pub struct SimOptions {
    /// 0: any free port.
    pub port: u16,
    /// How long a request holds its slot.
    pub latency: Duration,
    /// Requests served at once; further ones queue. 0: no limit.
    pub slots: usize,
    pub faults: Faults,
    /// Pictures are padded to at least this many bytes (by a private chunk), for measurements.
    pub image_bytes: usize,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            port: 0,
            latency: Duration::ZERO,
            slots: 0,
            faults: Faults::default(),
            image_bytes: 0,
        }
    }
}

/// Names the server lists; it answers to any other name as well.
pub const MODELS: [&str; 9] = [
    "FLUX.1-dev-8step",
    "gpt-image-1",
    "Qwen3-VL-235B-A22B-Thinking",
    "Qwen3-VL-235B-A22B-Instruct",
    "Qwen3-VL-30B-A3B-Instruct",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "genagent-sft",
    "Qwen2.5-VL-7B-Instruct-base",
];

/// What every request sees of the server.
pub struct Shared {
    pub env: Env,
    pub mind: Mind,
    pub options: SimOptions,
    pub ledger: Ledger,
    pub slots: Semaphore,
}

/// A running server; dropping it ends it.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts on the loopback interface; returns the base URL (`http://127.0.0.1:PORT`) and the
    /// handle.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(
        env: Env,
        world: World,
        options: SimOptions,
    ) -> io::Result<(String, Server)> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let slots = if options.slots == 0 { Semaphore::MAX_PERMITS } else { options.slots };
        let shared = Arc::new(Shared {
            env: env.clone(),
            mind: Mind::new(world),
            options,
            ledger: Ledger::default(),
            slots: Semaphore::new(slots),
        });
        let app = axum::Router::new().fallback(serve).with_state(shared.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = env.spawn(async move {
            let serving = axum::serve(listener, app).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            // Accept errors are retried inside; nothing is left to report.
            let _ = serving.await;
        });
        Ok((format!("http://{address}"), Server { shared, address, stop: Some(stop), task }))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn stats(&self) -> Stats {
        self.shared.ledger.snapshot()
    }

    /// Stops accepting, and waits a moment for what is under way.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let limit = self.shared.env.sleep(Duration::from_millis(300));
        tokio::select! {
            _ = &mut self.task => {}
            () = limit => self.task.abort(),
        }
    }

    /// Serves until the task ends (that is, until the process is stopped).
    pub async fn wait(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
