//! What looks add up to, and what judges are worth: by properties, and by worlds whose rates are known.

use coldstart::env::Rng;
use coldstart::rules::evidence::{
    Belief, Count, Question, Worth, believe, family, gain, log_odds, probability,
};
use coldstart::rules::fit::{Asked, Fit, fit};
use coldstart::rules::{MANY, Worths};

fn question(rng: &mut Rng, judges: usize) -> Question {
    let mut rate = || 0.5 + rng.unit() * 0.499;
    let worth = |_| Worth { sensitivity: rate(), specificity: rate(), repeat: rate() };
    let worths = (0..judges).map(worth).collect();
    Question { holds: 0.05 + rng.unit() * 0.9, worths }
}

#[test]
fn a_yes_never_lowers_and_a_no_never_raises_what_is_believed() {
    let mut rng = Rng::keyed(1, &["monotone"]);
    for _ in 0..2000 {
        let judges = 1 + rng.below(4);
        let q = question(&mut rng, judges);
        let families: Vec<usize> = (0..judges).map(|_| rng.below(judges)).collect();
        let mut count = || Count { yes: rng.below(9) as u32, no: rng.below(9) as u32, unsure: 0 };
        let counts: Vec<Count> = (0..judges).map(|_| count()).collect();
        let before = log_odds(&q, &families, &counts);
        for j in 0..judges {
            let (mut up, mut down) = (counts.clone(), counts.clone());
            up[j].yes += 1;
            down[j].no += 1;
            assert!(log_odds(&q, &families, &up) >= before - 1e-12);
            assert!(log_odds(&q, &families, &down) <= before + 1e-12);
            assert!(gain(&q, &families, &counts, j) >= 0.0);
        }
    }
}

#[test]
fn one_family_saturates_and_another_goes_beyond() {
    let q = Question { holds: 0.5, worths: vec![Worth::even(0.15, 0.5); 2] };
    let at = |families: &[usize], yes: [u32; 2]| {
        let counts = yes.map(|yes| Count { yes, ..Count::default() });
        probability(log_odds(&q, families, &counts))
    };
    assert!(at(&[0, 0], [40, 40]) < 0.93, "{}", at(&[0, 0], [40, 40]));
    assert!(at(&[0, 1], [3, 3]) > 0.99);
    // Where nothing repeats, looks of one judge do as well.
    let free = Question { worths: vec![Worth::even(0.15, 0.0)], ..q };
    let four = log_odds(&free, &[0], &[Count { yes: 4, ..Count::default() }]);
    assert!((four - 4.0 * (0.85_f64 / 0.15).ln()).abs() < 0.2, "{four}");
}

#[test]
fn a_fault_must_be_one_that_can_be_named() {
    assert_eq!(believe(&[0.999, 0.999], 0.99), Belief::Satisfied(0.999 * 0.999));
    assert!(matches!(believe(&[0.999, 0.005], 0.99), Belief::Unsatisfied(p) if p > 0.99));
    assert!(matches!(believe(&[0.1; 9], 0.99), Belief::Open(_)));
    assert!(matches!(believe(&[], 0.9), Belief::Open(_)));
}

#[test]
fn makers_are_told_by_the_name() {
    for (model, name) in [
        ("Qwen3-VL-30B-A3B-Instruct", "qwen"),
        ("Qwen/Qwen2.5-VL-7B", "qwen"),
        ("gemini-2.5-flash", "gemini"),
        ("4o", "4o"),
    ] {
        assert_eq!(family(model), name);
    }
}

fn asked(kind: &str, counts: Vec<Count>, truth: Option<bool>) -> Asked {
    Asked { stage: "judged".to_owned(), kind: kind.to_owned(), counts, truth }
}

/// Questions of a world with known rates.
fn world(n: usize, errors: [f64; 2], repeats: f64, known: f64) -> Vec<Asked> {
    let mut rng = Rng::keyed(7, &["fit"]);
    let mut ask = |kind: &str, holds: f64| {
        let truth = rng.chance(holds);
        let counts = errors.map(|error| {
            let lasting = rng.chance(error * repeats);
            let anew = (error - error * repeats) / (1.0 - error * repeats);
            let look = |_| truth != (lasting || rng.chance(anew));
            Count::of(&(0..3).map(look).collect::<Vec<_>>())
        });
        let truth = rng.chance(known).then_some(truth);
        asked(kind, counts.to_vec(), truth)
    };
    (0..n).map(|i| if i % 2 == 0 { ask("count", 0.6) } else { ask("color", 0.85) }).collect()
}

fn judges() -> Vec<String> {
    vec!["a-1".to_owned(), "b-1".to_owned()]
}

#[test]
fn rates_are_found_again_without_any_label() {
    let asked = world(1200, [0.1, 0.25], 0.0, 0.0);
    let fit = fit(&judges(), &[0, 1], &asked);
    let of = |model: &str| fit.judges.iter().find(|j| j.model == model && j.kind.is_none());
    let (a, b) = (of("a-1").expect("a"), of("b-1").expect("b"));
    assert!((a.sensitivity.value - 0.9).abs() < 0.03, "{a:?}");
    assert!((b.specificity.value - 0.75).abs() < 0.04, "{b:?}");
    assert!((fit.holds["count"] - 0.6).abs() < 0.05, "{:?}", fit.holds);
    assert!(a.repeat <= 0.2, "{}", a.repeat);
}

#[test]
fn what_a_family_repeats_is_found_by_another() {
    let asked = world(1500, [0.15, 0.15], 0.5, 0.05);
    let fit = fit(&judges(), &[0, 1], &asked);
    let all: Vec<f64> = fit.judges.iter().map(|j| j.repeat).collect();
    assert!(all.iter().all(|r| (0.3..=0.7).contains(r)), "{all:?}");
}

/// As a run buys looks: of either family by turns, until the question is settled or ten were bought. What
/// a family repeats is doubted longest, and so looked at most.
fn looked_at(n: usize, error: f64, repeats: f64) -> Vec<Asked> {
    let mut rng = Rng::keyed(11, &["bought"]);
    let question = Question { holds: 0.8, worths: vec![Worth::even(0.2, 0.1); 2] };
    let mut ask = |kind: &str, holds: f64| {
        let truth = rng.chance(holds);
        let lasting = [(); 2].map(|()| rng.chance(error * repeats));
        let anew = (error - error * repeats) / (1.0 - error * repeats);
        let mut counts = vec![Count::default(); 2];
        for look in 0..10 {
            let family = look % 2;
            let yes = truth != (lasting[family] || rng.chance(anew));
            counts[family].yes += u32::from(yes);
            counts[family].no += u32::from(!yes);
            if log_odds(&question, &[0, 1], &counts).abs() > 4.0 {
                break;
            }
        }
        asked(kind, counts, None)
    };
    (0..n).map(|i| if i % 2 == 0 { ask("count", 0.6) } else { ask("color", 0.85) }).collect()
}

#[test]
fn looks_that_doubt_buys_do_not_make_judges_worse_than_they_are() {
    let fit = fit(&judges(), &[0, 1], &looked_at(2000, 0.15, 0.5));
    for judge in fit.judges.iter().filter(|j| j.kind.is_none()) {
        for share in [judge.sensitivity, judge.specificity] {
            assert!((share.value - 0.85).abs() < 0.035, "{judge:?}");
        }
        assert!((0.35..=0.65).contains(&judge.repeat), "{judge:?}");
    }
}

/// One picture's answers until all of them are sure: (what is stated, whether all holds) of an accepted one.
fn accepted(rng: &mut Rng, kind: &str, truth: &[bool], worths: &Worths) -> Option<(f64, bool)> {
    let question =
        Question { holds: worths.holds("judged", kind), worths: vec![worths.of("a-1", kind)] };
    let mut counts = vec![Count::default(); truth.len()];
    for _ in 0..13 {
        for (count, holds) in counts.iter_mut().zip(truth) {
            let yes = *holds != rng.chance(0.05);
            count.yes += u32::from(yes);
            count.no += u32::from(!yes);
        }
        let holds = |count: &Count| probability(log_odds(&question, &[0], &[*count]));
        let holds: Vec<f64> = counts.iter().map(holds).collect();
        match believe(&holds, 0.98) {
            Belief::Satisfied(p) => return Some((p, truth.iter().all(|t| *t))),
            Belief::Unsatisfied(_) => return None,
            Belief::Open(_) => {}
        }
    }
    None
}

/// Eight things alone are asked for in half of the pictures, and are drawn in every third of these; one
/// of each of five things in the others.
#[test]
fn a_picture_of_one_hard_question_is_as_pure_as_it_is_said_to_be() {
    let mut rng = Rng::keyed(3, &["stated"]);
    let mut draw = |n: usize| match n % 2 {
        0 => (MANY, vec![rng.chance(0.33)]),
        _ => ("count", (0..5).map(|_| rng.chance(0.97)).collect()),
    };
    let pictures: Vec<(&str, Vec<bool>)> = (0..4000).map(&mut draw).collect();
    let mut rng = Rng::keyed(4, &["looks"]);
    let mut asked = Vec::new();
    for (kind, truth) in pictures.iter().take(400) {
        for holds in truth {
            let look = |_| *holds != rng.chance(0.05);
            let counts = vec![Count::of(&(0..2).map(look).collect::<Vec<_>>())];
            asked.push(self::asked(kind, counts, None));
        }
    }
    let learned: Fit = fit(&["a-1".to_owned()], &[0], &asked);
    let worths = learned.worths("the test");
    for kind in [MANY, "count"] {
        let ours = pictures.iter().filter(|(of, _)| *of == kind);
        let of = |(_, truth): &(&str, Vec<bool>)| accepted(&mut rng, kind, truth, &worths);
        let rows: Vec<(f64, bool)> = ours.filter_map(of).collect();
        let stated = rows.iter().map(|(p, _)| p).sum::<f64>() / rows.len() as f64;
        let right = rows.iter().filter(|(_, right)| *right).count() as f64 / rows.len() as f64;
        assert!(rows.len() > 500 && (stated - right).abs() < 0.01, "{kind}: {stated} {right}");
    }
}

#[test]
fn the_order_of_questions_shows_nowhere() {
    let asked = world(80, [0.1, 0.2], 0.3, 0.1);
    let mut turned = asked.clone();
    turned.reverse();
    let (one, other) = (fit(&judges(), &[0, 1], &asked), fit(&judges(), &[0, 1], &turned));
    assert_eq!(one.worths("x"), other.worths("x"));
}

/// A thing is drawn as asked in four first pictures of ten and, after advice, in nineteen second ones of
/// twenty.
#[test]
fn a_stage_is_as_sure_as_its_own_pictures_allow() {
    let stages = [("judged", 0.4), ("good", 0.95)];
    let mut rng = Rng::keyed(5, &["stages"]);
    let mut seen = Vec::new();
    let mut held = [0.0; 2];
    for n in 0..600 {
        let (stage, share) = stages[n % 2];
        let truth = rng.chance(share);
        held[n % 2] += f64::from(u8::from(truth)) / 300.0;
        let counts =
            [(); 2].map(|()| Count::of(&[truth != rng.chance(0.1), truth != rng.chance(0.1)]));
        seen.push(Asked { stage: stage.to_owned(), ..asked("count", counts.to_vec(), None) });
    }
    let fit = fit(&judges(), &[0, 1], &seen);
    let worths = fit.worths("the test");
    for ((stage, _), share) in stages.into_iter().zip(held) {
        let found = worths.holds(stage, "count");
        assert!((found - share).abs() < 0.04, "{stage}: {found} of {share}");
    }
    let all = worths.holds("a stage of another run", "count");
    assert!((all - (held[0] + held[1]) / 2.0).abs() < 0.04, "{all} of {held:?}");
}
