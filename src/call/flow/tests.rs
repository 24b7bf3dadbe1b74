//! The wrappers together, against servers that are functions: nothing is lost, nothing leaks,
//! and each bound holds whatever fails. No test here looks at how fast a thing was, only at what
//! must never come too early and how many were under way.

use crate::call::flow::{
    Allowance, Balanced, BreakerState, Budget, Limited, Limits, RetryBudget, Retrying, Stats,
};
use crate::call::http::{Failure, Target};
use crate::call::{
    CallError, ChatRequest, Fatal, KeyedRequest, Model, Output, Prices, Reply, Request, Sampling,
    Usage,
};
use crate::env::Env;
use crate::record::NanoUsd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A server: so many slots (further requests are refused), a latency, faults by arrival.
struct Server {
    env: Env,
    slots: u64,
    latency: Duration,
    busy: AtomicU64,
    most: AtomicU64,
    seen: AtomicU64,
    fault: fn(u64) -> Option<Failure>,
}

impl Server {
    fn new(env: &Env, slots: u64, fault: fn(u64) -> Option<Failure>) -> Arc<Server> {
        Arc::new(Server {
            env: env.clone(),
            slots,
            latency: Duration::from_millis(4),
            busy: AtomicU64::new(0),
            most: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            fault,
        })
    }
}

#[async_trait::async_trait]
impl Target for Server {
    async fn attempt(&self, _: KeyedRequest<'_>) -> Result<Reply, Failure> {
        let arrival = self.seen.fetch_add(1, Ordering::SeqCst);
        if let Some(failure) = (self.fault)(arrival) {
            return Err(failure);
        }
        let busy = 1 + self.busy.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(busy, Ordering::SeqCst);
        if busy <= self.slots {
            self.env.sleep(self.latency).await;
        }
        self.busy.fetch_sub(1, Ordering::SeqCst);
        match busy <= self.slots {
            true => Ok(reply()),
            false => Err(Failure::overload("full", None)),
        }
    }

    fn place(&self) -> String {
        "test".to_owned()
    }
}

fn reply() -> Reply {
    Reply {
        output: Output::Text { text: "ok".into(), reasoning: String::new() },
        finish: "stop".into(),
        usage: Usage { input: 10, output: 10, ..Usage::default() },
        served: String::new(),
        cost: NanoUsd(10_000),
        simulated: false,
        attempts: 1,
        latency_ms: 1,
    }
}

fn request(draw: u32) -> Request {
    Request::Chat(ChatRequest {
        role: "r".into(),
        model: "m".into(),
        messages: Vec::new(),
        sampling: Sampling { max_tokens: Some(10), ..Sampling::default() },
        schema: None,
        draw,
    })
}

fn none() -> Limits {
    let prices = Box::new(|_: &Request| Prices::default());
    Limits { max_in_flight: None, rpm: None, tpm: None, prices, billed: |_| 1, budget: None }
}

fn stack(
    env: &Env,
    servers: &[Arc<Server>],
    stated: Option<usize>,
    limits: Limits,
) -> Arc<Retrying<Limited<Balanced>>> {
    let stats = Arc::new(Stats::new(["r"].into_iter()));
    let targets = servers.iter().map(|s| s.clone() as Arc<dyn Target>).collect();
    let balanced = Balanced::new(env, targets, stated, stats.clone());
    let limited = Limited::new(env, balanced, limits);
    Arc::new(Retrying::new(env, limited, 8, Arc::new(RetryBudget::new()), stats))
}

/// `n` calls at once; their outcomes.
async fn all(
    env: &Env,
    model: &Arc<Retrying<Limited<Balanced>>>,
    n: u32,
) -> Vec<Result<Reply, CallError>> {
    let jobs: Vec<_> = (0..n)
        .map(|i| {
            let model = model.clone();
            env.spawn(async move { model.call(request(i).keyed()).await })
        })
        .collect();
    let mut out = Vec::new();
    for job in jobs {
        out.push(job.await.expect("no panic"));
    }
    out
}

fn idle(model: &Retrying<Limited<Balanced>>) -> bool {
    model.inner().inner().view().iter().all(|(_, lane)| lane.in_flight == 0)
}

#[tokio::test]
async fn every_call_is_answered_through_faults_of_every_sort() {
    let env = Env::real();
    let server = Server::new(&env, 1000, |n| match n % 20 {
        3 => Some(Failure::sick("500")),
        7 => Some(Failure::overload("429", Some(Duration::from_millis(30)))),
        11 => Some(Failure::again("hiccup")),
        _ => None,
    });
    let model = stack(&env, std::slice::from_ref(&server), Some(64), none());
    let outcomes = all(&env, &model, 600).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let attempts: u32 = outcomes.iter().flatten().map(|reply| reply.attempts).sum();
    assert_eq!(u64::from(attempts), server.seen.load(Ordering::SeqCst), "attempts are counted");
    assert!(server.most.load(Ordering::SeqCst) <= 64, "the stated limit holds");
}

#[tokio::test]
async fn a_full_server_is_never_asked_for_much_more_than_it_has() {
    let env = Env::real();
    let server = Server::new(&env, 37, |_| None);
    let model = stack(&env, std::slice::from_ref(&server), None, none());
    assert!(all(&env, &model, 4000).await.iter().all(Result::is_ok));
    let (_, lane) = model.inner().inner().view().remove(0);
    assert!((25..=50).contains(&lane.limit), "found {}", lane.limit);
    assert!(server.most.load(Ordering::SeqCst) <= 130, "doubling overshoots once at most");
}

#[tokio::test]
async fn a_dead_url_is_left_and_the_others_do_its_work() {
    let env = Env::real();
    let dead = Server::new(&env, 1000, |_| Some(Failure::down("refused")));
    let well = Server::new(&env, 1000, |_| None);
    let model = stack(&env, &[dead.clone(), well.clone()], Some(16), none());
    assert!(all(&env, &model, 300).await.iter().all(Result::is_ok));
    assert_eq!(well.seen.load(Ordering::SeqCst), 300);
    // Eight in a row open it; those already under way may fail too, then only probes.
    assert!(dead.seen.load(Ordering::SeqCst) < 40, "{}", dead.seen.load(Ordering::SeqCst));
    assert_ne!(model.inner().inner().view()[0].1.breaker, BreakerState::Closed);
}

#[tokio::test]
async fn what_is_final_is_asked_once() {
    let env = Env::real();
    let server = Server::new(&env, 10, |_| Some(Failure::fatal(Fatal::Key, "bad key")));
    let model = stack(&env, std::slice::from_ref(&server), Some(4), none());
    let outcome = model.call(request(0).keyed()).await;
    assert!(matches!(outcome, Err(CallError::Fatal { kind: Fatal::Key, .. })));
    let server = Server::new(&env, 10, |_| Some(Failure::record("too long")));
    let model = stack(&env, std::slice::from_ref(&server), Some(4), none());
    assert!(matches!(model.call(request(0).keyed()).await, Err(CallError::Record { .. })));
    assert_eq!(server.seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn cancelled_calls_give_their_slots_back() {
    let env = Env::real();
    let server = Server::new(&env, 1000, |_| None);
    let model = stack(&env, std::slice::from_ref(&server), Some(3), none());
    for round in 0..40 {
        let jobs: Vec<_> = (0..12)
            .map(|i| {
                let model = model.clone();
                env.spawn(async move { model.call(request(i).keyed()).await })
            })
            .collect();
        env.sleep(Duration::from_micros(300 * (round % 12))).await;
        for job in &jobs {
            job.abort();
        }
        for job in jobs {
            let _ = job.await;
        }
    }
    assert!(idle(&model), "{:?}", model.inner().inner().view());
    assert!(all(&env, &model, 20).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_retry_waits_as_long_as_the_server_asked_and_holds_no_permit() {
    let env = Env::real();
    let server = Server::new(&env, 10, |n| {
        (n == 0).then(|| Failure::overload("429", Some(Duration::from_millis(300))))
    });
    let limits = Limits { max_in_flight: Some(1), ..none() };
    let model = stack(&env, std::slice::from_ref(&server), Some(1), limits);
    let start = env.now();
    let first = model.clone();
    let waiting = env.spawn(async move { first.call(request(0).keyed()).await });
    env.sleep(Duration::from_millis(20)).await;
    // The only permit is free while the first call waits.
    let other = model.call(request(1).keyed()).await.expect("an answer");
    assert!(!waiting.is_finished());
    assert_eq!(other.attempts, 1);
    let first = waiting.await.expect("no panic").expect("an answer");
    assert_eq!(first.attempts, 2);
    assert!(env.now().duration_since(start) >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_budget_is_never_passed_and_what_fits_is_bought() {
    let env = Env::real();
    let server = Server::new(&env, 1000, |_| None);
    let price = NanoUsd::from_usd(0.5);
    let prices = Prices { input: price, output: price, thinking: price, ..Prices::default() };
    // A call costs 10,000 nano-dollars and may cost as much: 20 output tokens at 500 each.
    // What went before counts too.
    let budget = Budget::new(Allowance { most: NanoUsd(305_000), spent: NanoUsd(200_000) });
    let prices = Box::new(move |_: &Request| prices);
    let limits = Limits { prices, billed: |_| 2, budget: Some(budget), ..none() };
    let model = stack(&env, std::slice::from_ref(&server), Some(64), limits);
    let outcomes = all(&env, &model, 200).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 10);
    let money = |o: &Result<Reply, CallError>| {
        matches!(o, Err(CallError::Fatal { kind: Fatal::Money, .. }))
    };
    assert_eq!(outcomes.iter().filter(|o| money(o)).count(), 190);
    let told = outcomes.iter().find_map(|o| o.as_ref().err().filter(|_| money(o)));
    let told = told.map(ToString::to_string).unwrap_or_default();
    assert!(told.contains("budget of $0.0003, $0.0003 are spent"), "{told}");
    assert_eq!(server.seen.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn quotas_are_not_used_faster_than_they_flow() {
    let env = Env::real();
    let server = Server::new(&env, 1000, |_| None);
    // 600 a minute: 60 at once, then ten a second.
    let model = stack(&env, &[server], Some(200), Limits { rpm: Some(600), ..none() });
    let start = env.now();
    assert!(all(&env, &model, 65).await.iter().all(Result::is_ok));
    assert!(env.now().duration_since(start) >= Duration::from_millis(450));
    let server = Server::new(&env, 1000, |_| None);
    // 60,000 tokens a minute: 15,000 at once, then a thousand a second. A call reserves 10 and
    // takes 20, so 810 of them take 16,200.
    let model = stack(&env, &[server], Some(200), Limits { tpm: Some(60_000), ..none() });
    let start = env.now();
    assert!(all(&env, &model, 700).await.iter().all(Result::is_ok));
    assert!(all(&env, &model, 110).await.iter().all(Result::is_ok));
    assert!(env.now().duration_since(start) >= Duration::from_millis(500));
}

#[tokio::test]
async fn a_run_that_stops_waits_for_what_is_sent_and_sends_nothing_more() {
    let env = Env::real();
    let server = Server::new(&env, 1000, |n| {
        (n == 1).then(|| Failure::overload("429", Some(Duration::from_secs(3_600))))
    });
    let model = stack(&env, std::slice::from_ref(&server), Some(2), none());
    let jobs: Vec<_> = (0..40)
        .map(|i| {
            let model = model.clone();
            env.spawn(async move { model.call(request(i).keyed()).await })
        })
        .collect();
    // One waits an hour before its retry, most for a slot.
    while server.seen.load(Ordering::SeqCst) < 3 {
        env.sleep(Duration::from_millis(1)).await;
    }
    env.shutdown().request(crate::env::Phase::Draining);
    let sent = server.seen.load(Ordering::SeqCst);
    let (mut answered, mut stopped) = (0, 0);
    for job in jobs {
        match job.await.expect("no panic") {
            Ok(_) => answered += 1,
            Err(CallError::Stopped) => stopped += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((answered, stopped), (sent - 1, 41 - sent), "of {sent} sent one was refused");
    assert_eq!(server.seen.load(Ordering::SeqCst), sent);
}
