//! English nouns of picture prompts: singular, plural, and one name per thing.

use crate::text::{normalise, words};

/// Singular and plural where no rule helps. Wrong plurals that benchmarks hold (`skises`, `benchs`)
/// are read too.
const IRREGULAR: [(&str, &str); 36] = [
    ("man", "men"),
    ("woman", "women"),
    ("child", "children"),
    ("person", "people"),
    ("mouse", "mice"),
    ("goose", "geese"),
    ("foot", "feet"),
    ("tooth", "teeth"),
    ("ox", "oxen"),
    ("knife", "knives"),
    ("leaf", "leaves"),
    ("wolf", "wolves"),
    ("shelf", "shelves"),
    ("loaf", "loaves"),
    ("scarf", "scarves"),
    ("calf", "calves"),
    ("cactus", "cacti"),
    ("bus", "buses"),
    ("shoe", "shoes"),
    ("canoe", "canoes"),
    ("horseshoe", "horseshoes"),
    ("skis", "skis"),
    ("scissors", "scissors"),
    ("sunglasses", "sunglasses"),
    ("jeans", "jeans"),
    ("pants", "pants"),
    ("binoculars", "binoculars"),
    ("sheep", "sheep"),
    ("fish", "fish"),
    ("deer", "deer"),
    ("shrimp", "shrimp"),
    ("cookie", "cookies"),
    ("movie", "movies"),
    ("gas", "gases"),
    ("bread", "loaves of bread"),
    ("cheese", "wheels of cheese"),
];

/// One name for a thing that prompts call differently.
const SYNONYMS: [(&str, &str); 51] = [
    ("television", "tv"),
    ("tv set", "tv"),
    ("sofa", "couch"),
    ("mobile phone", "cell phone"),
    ("cellphone", "cell phone"),
    ("smartphone", "cell phone"),
    ("hair dryer", "hair drier"),
    ("hairdryer", "hair drier"),
    ("bike", "bicycle"),
    ("plane", "airplane"),
    ("aeroplane", "airplane"),
    ("motorbike", "motorcycle"),
    ("doughnut", "donut"),
    ("fridge", "refrigerator"),
    ("remote control", "tv remote"),
    ("purse", "handbag"),
    ("tennis racquet", "tennis racket"),
    ("wineglass", "wine glass"),
    ("computer mouse", "mouse"),
    ("hamburger", "burger"),
    ("television set", "tv"),
    ("tv screen", "tv"),
    ("settee", "couch"),
    ("phone", "cell phone"),
    ("smart phone", "cell phone"),
    ("mobile", "cell phone"),
    ("blow dryer", "hair drier"),
    ("push bike", "bicycle"),
    ("cycle", "bicycle"),
    ("aircraft", "airplane"),
    ("motor bike", "motorcycle"),
    ("automobile", "car"),
    ("lorry", "truck"),
    ("coach", "bus"),
    ("icebox", "refrigerator"),
    ("laptop computer", "laptop"),
    ("notebook computer", "laptop"),
    ("computer keyboard", "keyboard"),
    ("microwave oven", "microwave"),
    ("rucksack", "backpack"),
    ("knapsack", "backpack"),
    ("brolly", "umbrella"),
    ("necktie", "tie"),
    ("hydrant", "fire hydrant"),
    ("stoplight", "traffic light"),
    ("traffic signal", "traffic light"),
    ("house plant", "potted plant"),
    ("houseplant", "potted plant"),
    ("teddy", "teddy bear"),
    ("pizza pie", "pizza"),
    ("timepiece", "clock"),
];

/// The singular of one lower-case word.
pub fn singular(word: &str) -> String {
    if let Some((one, _)) = IRREGULAR.iter().find(|(one, many)| *one == word || *many == word) {
        return (*one).to_owned();
    }
    let cut = |n: usize| word[..word.len() - n].to_owned();
    if !word.is_ascii() || word.len() < 3 || !word.ends_with('s') {
        return word.to_owned();
    }
    match word {
        "skises" => "skis".to_owned(),
        w if w.ends_with("ies") && w.len() > 4 => format!("{}y", &w[..w.len() - 3]),
        w if ["sses", "shes", "ches", "xes", "zes", "oes"].iter().any(|e| w.ends_with(e)) => cut(2),
        w if w.ends_with("ss") || w.ends_with("us") || w.ends_with("is") => w.to_owned(),
        _ => cut(1),
    }
}

/// The plural of one lower-case word.
pub fn plural(word: &str) -> String {
    if let Some((_, many)) = IRREGULAR.iter().find(|(one, _)| *one == word) {
        return (*many).to_owned();
    }
    let before_y = word.len().checked_sub(2).and_then(|i| word.as_bytes().get(i));
    match word {
        w if w.ends_with('y') && before_y.is_some_and(|b| !b"aeiou".contains(b)) => {
            format!("{}ies", &w[..w.len() - 1])
        }
        w if ["s", "sh", "ch", "x", "z"].iter().any(|e| w.ends_with(e)) => format!("{w}es"),
        w if w.ends_with("to") => format!("{w}es"),
        w => format!("{w}s"),
    }
}

/// True for plurals of several words: `loaves of bread`.
pub(super) fn is_phrase(words: &[&str]) -> bool {
    let phrase = words.join(" ");
    phrase.contains(" of ") && IRREGULAR.iter().any(|(_, many)| *many == phrase)
}

/// The canonical name of a class: normal form, last word in the singular, synonyms folded.
pub fn class(name: &str) -> String {
    let normal = normalise(name);
    if let Some((one, _)) = IRREGULAR.iter().find(|(_, many)| *many == normal) {
        return (*one).to_owned();
    }
    let mut parts: Vec<String> = words(&normal).map(str::to_owned).collect();
    if let Some(last) = parts.last_mut() {
        *last = singular(last);
    }
    let joined = parts.join(" ");
    SYNONYMS.iter().find(|(from, _)| *from == joined).map_or(joined, |(_, to)| (*to).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{class, plural, singular};

    #[test]
    fn singular_undoes_plural() {
        for word in [
            "clock", "bench", "box", "city", "toy", "knife", "bus", "sheep", "tomato", "vase",
            "glass", "brush", "skis", "person", "mouse", "shoe", "potato", "cookie", "horse",
        ] {
            assert_eq!(singular(&plural(word)), word);
            assert_eq!(singular(word), word);
        }
    }

    #[test]
    fn wrong_plurals_of_benchmarks_are_read() {
        for (wrong, right) in [
            ("skises", "skis"),
            ("benchs", "bench"),
            ("knifes", "knife"),
            ("toothbrushs", "toothbrush"),
        ] {
            assert_eq!(singular(wrong), right);
        }
        assert_eq!(class("Tennis Racquets"), "tennis racket");
    }
}
