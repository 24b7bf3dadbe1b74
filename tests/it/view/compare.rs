//! Two RUNs beside each other; addresses that stay.

use crate::audit::made::{Plan, make};
use crate::view::{Viewer, status};
use std::net::TcpListener;

fn plan() -> Plan {
    Plan { prompts: 60, hostile: true, ..Plan::default() }
}

/// The part of a page between header and keys.
fn main_of(page: &str) -> &str {
    page.split("<main>").nth(1).unwrap().split("</main>").next().unwrap()
}

#[tokio::test]
async fn two_runs_are_held_beside_each_other_by_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (a, b) = (at("a"), at("b"));
    let truth = make(&a, plan()).await;
    make(&b, Plan { judge_error: 0.5, ..plan() }).await;
    let viewer = Viewer::with(&a, &[&b]);
    let (head, page) = viewer.get("compare");
    assert_eq!(status(&head), "200");
    assert!(page.contains("A a against B b") && page.contains("changed here"), "{page}");

    // The filter takes those that were decided otherwise, and of them those of one stage.
    let ids = |query: &str| -> Vec<String> {
        let page = viewer.get(&format!("compare?{query}")).1;
        let links = page.split("<li data-href=\"").skip(1);
        links.map(|rest| rest.split("/compare/").nth(1).unwrap()[..32].to_owned()).collect()
    };
    let (changed, here) = (ids("what=changed"), ids("what=changed&at=judged"));
    assert!(here.len() > 3 && here.iter().all(|id| changed.contains(id)), "{here:?} {changed:?}");
    assert!(ids("what=same").iter().all(|id| !changed.contains(id)));
    assert!(ids("what=only_a").is_empty());

    let (_, one) = viewer.get(&format!("compare/{}?what=changed&at=judged", here[1]));
    let main = main_of(&one);
    assert!(main.contains("<b>judged</b><p class=\"note\">changed here"), "{main}");
    assert!(main.contains("A I1") && main.contains("B I1"), "{main}");
    assert!(main.contains("rel=\"prev\"") && main.contains("what=changed&amp;at=judged"), "{main}");
    // What a model said stays text here, too, and links lead nowhere else.
    let (_, hostile) = viewer.get(&format!("compare/{}", truth.first.unwrap()));
    assert!(hostile.contains("&lt;script&gt;") && !main_of(&hostile).contains("<script"));
    assert!(!hostile.contains('\u{1b}') && !hostile.contains('\u{202e}'));
    for page in [&page, &one, &hostile] {
        for place in ["href=\"", "src=\"", "action=\""] {
            let base = viewer.base();
            let stays = |rest: &str| rest.starts_with(base.trim_end_matches('/'));
            assert!(page.split(place).skip(1).all(stays), "a link leads elsewhere");
        }
    }
    assert!(viewer.get(&format!("record/{}", here[0])).1.contains("in both RUNs"));
    assert!(viewer.get("compare?what=changed&view=grid").1.contains("/thumb/"));
    assert_eq!(status(&viewer.get("compare/ffffffff").0), "404");

    let alone = Viewer::start(&a);
    assert!(!alone.get("").1.contains(">Compare<"));
    assert!(alone.get("compare").1.contains("coldstart view A B"));
}

#[test]
fn a_run_is_held_against_its_replay() {
    let run = crate::users::run();
    let viewer = Viewer::with(run, &["--set", "balanced.target=12"]);
    let (_, page) = viewer.get("compare?what=changed&at=balanced");
    assert!(page.contains("its replay") && page.contains("balanced.target"), "{page}");
    let link = page.split("<li data-href=\"").nth(1).expect("some are picked no more");
    let id = &link.split("/compare/").nth(1).unwrap()[..32];
    let (_, one) = viewer.get(&format!("compare/{id}"));
    // The replay's pictures are those of the RUN.
    assert!(main_of(&one).contains("class=\"word same\""), "{one}");
    assert!(main_of(&one).contains("over_quota"), "{one}");
}

/// The same port gives the same address again, until a new token is asked for.
#[tokio::test]
async fn a_port_keeps_its_address() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().join("run").display().to_string();
    make(&uri, Plan { prompts: 6, calls: false, ..Plan::default() }).await;
    let state = dir.path().join("state");
    // A port that is free now may be taken in a moment: then another.
    let found = (0..20).find_map(|_| {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port().to_string();
        let url = |more: &[&str]| {
            let args = [&["--port", &port][..], more].concat();
            let viewer = Viewer::keeping(&state, &uri, &args);
            Some(viewer.url.clone()).filter(|url| !url.is_empty())
        };
        Some((url(&[])?, url(&[])?, url(&["--new-token"])?, url(&[])?))
    });
    let (first, again, new, kept) = found.expect("a port was free");
    assert_eq!(first, again);
    assert_ne!(first, new);
    assert_eq!(new, kept);
}
