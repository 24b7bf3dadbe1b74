//! The audit as a folder of pages, for a colleague without the program.

use super::made::{Plan, make};
use super::stdout;

#[tokio::test]
async fn a_published_audit_stands_alone_with_a_page_a_trajectory() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().join("run").display().to_string();
    make(&uri, Plan { prompts: 60, hostile: true, ..Plan::default() }).await;
    let site = dir.path().join("site");
    let publish = |samples: &str| {
        stdout(&["report", &uri, "--publish", site.to_str().unwrap(), "--samples", samples])
    };
    assert_eq!(publish("40").trim(), site.join("index.html").display().to_string());
    let index = std::fs::read_to_string(site.join("index.html")).unwrap();
    let there = || -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(site.join("trajectories")).unwrap();
        all.map(|entry| entry.unwrap().path()).collect()
    };
    let pages = there();
    assert!(pages.len() > 5, "{pages:?}");
    for page in &pages {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(index.contains(&format!("href=\"trajectories/{name}\"")), "{name} is not linked");
    }
    for page in pages.iter().chain([&site.join("index.html")]) {
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.contains("Content-Security-Policy") && !text.contains("<script"));
        assert!(!text.contains("http://") && !text.contains("https://"), "nothing from elsewhere");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        for link in text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let place = link.split('#').next().unwrap();
            let target = page.parent().unwrap().join(place);
            assert!(place.is_empty() || target.exists(), "{} leads to {link}", page.display());
        }
    }
    let one = std::fs::read_to_string(&pages[0]).unwrap();
    for part in ["refined prompt", "stage by stage", "data:image/png;base64,", "tokens in"] {
        assert!(one.contains(part), "{part} is missing");
    }
    // Published again with fewer, no page is left that nothing leads to; other files stay.
    std::fs::write(site.join("trajectories/notes.html"), "mine").unwrap();
    publish("2");
    assert_eq!(there().len(), 3);
}
