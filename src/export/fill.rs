//! Fixed texts with slots: the shapes of turns and the trainers' configurations.
//!
//! A text is gone through once, so a value that looks like a slot stays what it is. The words said to
//! models have conditions and messages; they are `template`'s.

/// `text` with each `{{name}}` of `values` filled in. A slot of no such name stays as it is: a
/// defect that a test finds.
pub fn fill<V: AsRef<str>>(text: &str, values: &[(&str, V)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, from) = rest.split_at(at);
        let slot = |(name, _): &&(&str, V)| {
            from[2..].strip_prefix(name).is_some_and(|after| after.starts_with("}}"))
        };
        out.push_str(before);
        let taken = match values.iter().find(slot) {
            Some((name, value)) => {
                out.push_str(value.as_ref());
                name.len() + 4
            }
            None => {
                out.push('{');
                1
            }
        };
        rest = &from[taken..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_read_for_slots() {
        let values = [("a", "{{b}}"), ("b", "2")];
        assert_eq!(fill("{{a}} {{b}} {{c}}", &values), "{{b}} 2 {{c}}");
        assert_eq!(fill(r#"{"x": {"y": {{b}}}}"#, &values), r#"{"x": {"y": 2}}"#);
        assert_eq!(fill("{{{b}} {{", &values), "{2 {{");
    }
}
