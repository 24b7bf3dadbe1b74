//! Text -> words: punctuation, quoted lettering, and words without weight.

/// A lower-case word, and whether punctuation stood before it.
#[derive(Debug)]
pub struct Token {
    pub word: String,
    /// Punctuation stood before it; of a kind that ends a sentence.
    pub clause: bool,
    pub sentence: bool,
}

/// The lower-case words of `text`, hyphens and apostrophes inside words kept.
pub fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|t| t.word).collect()
}

/// The words of `text` with the punctuation before each.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let (mut clause, mut sentence) = (true, true);
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_alphanumeric() || (matches!(c, '-' | '\'' | '’') && !word.is_empty()) {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            let clean = word.trim_end_matches(['-', '\'', '’']).to_owned();
            out.push(Token { word: clean, clause, sentence });
            (clause, sentence) = (false, false);
            word.clear();
        }
        clause |= matches!(c, ',' | ';' | ':' | '.' | '!' | '?' | '(' | ')' | '\n');
        sentence |= matches!(c, ';' | ':' | '.' | '!' | '?' | '\n');
    }
    out
}

/// Takes the first quoted passage out of `text`, with its repetitions; says how many those were.
pub fn quoted(text: &str) -> (String, Option<String>, u8) {
    for (open, close) in [('"', '"'), ('“', '”'), ('‘', '’')] {
        let Some(start) = text.find(open) else { continue };
        let after = start + open.len_utf8();
        let Some(len) = text[after..].find(close) else { continue };
        let inner = text[after..after + len].trim();
        if !inner.is_empty() && inner.len() <= 60 {
            let whole = &text[start..after + len + close.len_utf8()];
            let again = text.matches(whole).count() - 1;
            let rest = text.replace(whole, " ").replace(['"', '“', '”'], " ");
            return (rest, Some(inner.to_owned()), again.min(9) as u8);
        }
    }
    (text.to_owned(), None, 0)
}

/// Words that carry no object, attribute or place of their own.
const FLUFF: &str = " a an the of and with in on at to is are was were be being it its this that these those there \
    each every all both which who whose as by for from into onto while where when so or nor but then than just only \
    photo photograph picture image photos pictures images scene drawing illustration painting shot view render \
    depict depicts show shows showing shown draw drawn capture captures featuring features feature create make \
    please generate visualize visualise paint render imagine composition frame realistic clean clear clearly simple plain \
    studio background light lit soft neutral bright even sharp focus detailed high quality natural daylight \
    together side sides half part area placed standing stand stands sitting sits sit lying lies lie positioned \
    arranged seen visible located separate separated separately distinct apart fully well evenly spaced row line group \
    total altogether exactly precisely nothing else other others another no not without object objects item items \
    colored coloured color colour colors colours painted made size sized sizes same next near beside against \
    one's has have having contains containing holds holding includes including up down over under across \
    everything anything must should clearly cut off nearby close closeup close-up very quite kept evenly entirely whole instances instance pieces piece \
    throughout spelled out full counted once more says reads reading saying letter lettering letters just complete sharp over far middle centre center edge upper lower top bottom left right above below larger smaller ";

/// Is `word` of no weight?
pub fn is_fluff(word: &str) -> bool {
    static SET: std::sync::OnceLock<std::collections::HashSet<&'static str>> =
        std::sync::OnceLock::new();
    SET.get_or_init(|| FLUFF.split_whitespace().collect()).contains(word)
}
