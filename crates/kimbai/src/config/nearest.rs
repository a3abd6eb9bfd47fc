//! What a mistyped name was probably meant to be.

/// The most like of these names, if it is like enough: one edit in three characters, and one at least.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let edits_max = (written.chars().count() / 3).max(1);
    let measured = known.iter().map(|name| (distance(written, name), *name));
    measured.filter(|(edits, _)| *edits <= edits_max).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// How many characters must be put in, left out or changed to make one of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    // The costs of making each beginning of `other` from what was seen of `one`.
    let mut costs: Vec<usize> = (0..=other.chars().count()).collect();
    for (row, character) in one.chars().enumerate() {
        let mut left = row + 1;
        let mut next = vec![left];
        for (candidate, above) in other.chars().zip(costs.windows(2)) {
            let [diagonal, above] = above else { continue };
            let changed = diagonal + usize::from(candidate != character);
            left = changed.min(above + 1).min(left + 1);
            next.push(left);
        }
        costs = next;
    }
    costs.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (one, other, expect) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("public", "publik", 1),
            ("flaw", "lawn", 2),
            ("ậb", "ab", 1),
        ] {
            assert_eq!(distance(one, other), expect, "{one} {other}");
        }
    }

    #[test]
    fn only_a_like_name_is_suggested() {
        let known = ["public", "operator", "url"];
        for (written, expect) in [
            ("publik", Some("public")),
            ("operater", Some("operator")),
            ("ur", Some("url")),
            ("Url", Some("url")),
            ("path", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &known), expect, "{written}");
        }
    }
}
