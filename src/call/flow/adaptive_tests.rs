//! The limiter against servers that are a few lines of arithmetic, on a clock that is a number:
//! seconds of load are played in no time and always alike.

use crate::call::flow::adaptive::{Adaptive, Start};
use crate::env::Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;
use tokio::time::Instant;

/// From here to the server or back, in microseconds.
const WAY: u64 = 300;

/// Slots at a time, in seconds; further requests are refused.
type Slots = fn(f64) -> usize;

/// A server with an endless queue of calls in front of it.
struct Play {
    adaptive: Adaptive,
    slots: Slots,
    /// What an answer takes at the most; the least is half of it.
    latency: f64,
    /// The share of requests that is refused whatever the load.
    sprinkled: f64,
    /// Microseconds.
    now: u64,
    in_flight: usize,
    resting: usize,
    busy: usize,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    answered: u64,
    refused: u64,
    rng: Rng,
    zero: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives(Start),
    Served(Start),
    Answered(Start),
    Refused(Start),
    Rested,
}

impl Play {
    fn new(stated: Option<usize>, slots: Slots) -> Play {
        Play {
            adaptive: Adaptive::new(stated),
            slots,
            latency: 0.5,
            sprinkled: 0.0,
            now: 0,
            in_flight: 0,
            resting: 0,
            busy: 0,
            events: BinaryHeap::new(),
            count: 0,
            answered: 0,
            refused: 0,
            rng: Rng::keyed(1, &["limiter"]),
            zero: crate::env::Env::real().now(),
        }
    }

    fn after(&mut self, wait: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((self.now + wait, self.count, event)));
    }

    fn send(&mut self) {
        // A client takes some time over each call, so that not all of a wave are sent at once.
        let mut work = 0;
        while self.in_flight + self.resting < self.adaptive.limit() {
            self.in_flight += 1;
            let start = self.adaptive.started(self.in_flight);
            work += 50;
            self.after(WAY + work, Event::Arrives(start));
        }
    }

    /// Plays until `seconds`.
    fn until(&mut self, seconds: f64) {
        self.send();
        while let Some(Reverse((at, _, event))) = self.events.peek().copied() {
            if at as f64 > seconds * 1e6 {
                break;
            }
            self.events.pop();
            self.now = at;
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives(start) => {
                let full = self.busy >= (self.slots)(self.now as f64 / 1e6);
                if full || self.rng.chance(self.sprinkled) {
                    return self.after(WAY, Event::Refused(start));
                }
                self.busy += 1;
                let takes = self.latency * (0.5 + self.rng.unit() / 2.0);
                self.after((takes * 1e6) as u64, Event::Served(start));
            }
            Event::Served(start) => {
                self.busy -= 1;
                self.after(WAY, Event::Answered(start));
            }
            Event::Answered(start) => {
                self.in_flight -= 1;
                self.answered += 1;
                self.adaptive.taken(start);
            }
            Event::Refused(start) => {
                self.in_flight -= 1;
                self.refused += 1;
                self.refuse(start);
            }
            Event::Rested => self.resting -= 1,
        }
        self.send();
    }

    /// As `gate` does it.
    fn refuse(&mut self, start: Start) {
        let now = self.zero + Duration::from_micros(self.now);
        let trip = Duration::from_secs_f64(self.latency);
        let burst = self.adaptive.refused(start, self.in_flight, now, trip);
        if burst && self.in_flight + self.resting < self.adaptive.limit() {
            self.resting += 1;
            self.after((self.latency * 1e6) as u64, Event::Rested);
        }
    }

    /// Answers as a share of what `slots` slots would have given in `seconds`.
    fn share(&self, slots: usize, seconds: f64) -> f64 {
        self.answered as f64 / (slots as f64 * seconds / (self.latency * 0.75))
    }
}

#[test]
fn unknown_limits_are_used_from_the_start_and_held() {
    let servers: [(usize, Slots); 4] = [(1, |_| 1), (3, |_| 3), (37, |_| 37), (900, |_| 900)];
    for (slots, server) in servers {
        let mut play = Play::new(None, server);
        play.until(5.0);
        let early = play.refused;
        assert!(early <= 100 + slots as u64 / 4, "{slots}: {early} refused in the search");
        for second in 6..=30 {
            play.until(f64::from(second));
            let limit = play.adaptive.limit();
            assert!(limit * 20 >= slots * 19, "{slots}: {limit} at {second} s");
            assert!(limit <= slots + slots / 10 + 2, "{slots}: {limit} at {second} s");
        }
        let (share, late) = (play.share(slots, 30.0), (play.refused - early) as f64);
        // The lengths of few calls do not even out.
        let least = if slots < 10 { 0.9 } else { 0.95 };
        assert!(share > least, "{slots}: {share} of ideal");
        assert!(late < 0.05 * play.answered as f64, "{slots}: {late} of {} refused", play.answered);
    }
}

#[test]
fn sprinkled_refusals_neither_starve_a_limit_nor_hide_one() {
    let mut stated = Play::new(Some(256), |_| 256);
    stated.sprinkled = 0.05;
    for second in 1..=30 {
        stated.until(f64::from(second));
        assert!(stated.adaptive.limit() > 230, "{}", stated.adaptive.limit());
    }
    assert_eq!(stated.resting, 0, "nothing waits for one refusal");
    for (slots, server) in [(37, (|_| 37) as Slots), (900, |_| 900)] {
        let mut unknown = Play::new(None, server);
        unknown.sprinkled = 0.05;
        unknown.until(30.0);
        let share = unknown.share(slots, 30.0);
        assert!(share > 0.9, "{slots}: {share} of ideal");
    }
}

#[test]
fn a_server_that_refuses_all_is_left_alone_by_halves_and_found_again() {
    // Out of service from 10 s to 16 s.
    let mut play = Play::new(Some(256), |s| if (10.0..16.0).contains(&s) { 0 } else { 256 });
    play.until(10.0);
    assert_eq!((play.adaptive.limit(), play.refused), (256, 0));
    for (second, most) in [(11.0, 128), (12.0, 32), (13.0, 8), (15.5, 1)] {
        play.until(second);
        assert!(play.adaptive.limit() <= most, "{} at {second} s", play.adaptive.limit());
    }
    assert!(play.refused < 3 * 256, "{} asked in vain", play.refused);
    play.until(20.0);
    assert!(play.adaptive.limit() > 240, "{} soon after", play.adaptive.limit());
}

#[test]
fn a_server_that_shrinks_and_grows_is_followed() {
    let mut play = Play::new(None, |s| if (10.0..20.0).contains(&s) { 100 } else { 400 });
    for (second, slots) in [(9.0, 400), (12.0, 100), (19.0, 100), (27.0, 400)] {
        play.until(second);
        let limit = play.adaptive.limit();
        assert!((slots * 19..=slots * 22).contains(&(limit * 20)), "{limit} at {second} s");
    }
}
