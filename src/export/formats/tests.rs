//! Every form, over one set of examples: what goes in comes back, and nothing that training must
//! not see is in it.

use super::*;

#[test]
fn forms_are_documented_and_named_once() {
    let mut names: Vec<&str> = FORMS.iter().map(|form| form.name).collect();
    for form in FORMS {
        assert!(!form.about.is_empty() && !form.docs.is_empty() && !form.dialects.is_empty());
        assert!(find(form.name).is_some());
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FORMS.len());
}

#[test]
fn templates_are_filled() {
    let settings = Settings {
        splits: vec!["train".into(), "validation".into()],
        max_tokens: 16_384,
        max_image_pixels: 589_824,
        ..Settings::default()
    };
    let rows = BTreeMap::from([("train".to_string(), 3), ("validation".to_string(), 1)]);
    for form in FORMS {
        let mut files = Files::default();
        (form.start)(&settings).unwrap().finish(&rows, &mut files).unwrap();
        for piece in files.take() {
            if let Piece::Whole(name, bytes) = piece {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                let hole = text
                    .match_indices("{{")
                    .find(|(at, _)| text[at + 2..].starts_with(|c: char| c.is_ascii_lowercase()));
                assert_eq!(hole, None, "{}: {name} has a hole", form.name);
            }
        }
    }
}
