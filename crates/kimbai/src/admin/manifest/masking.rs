//! What may be shown of a manifest around a mistake: keys and punctuation. A value may be a password, and a mistake is often just
//! there.

/// The text with values dotted out, character by character: in each line what stands behind its first `=` or `:`, and the whole of
/// a line that has neither and is no heading. What is around values stays.
pub(super) fn masked(text: &str) -> String {
    text.split_inclusive('\n').map(masked_line).collect()
}

fn masked_line(line: &str) -> String {
    let is_heading =
        line.trim_start().starts_with('[') && line.trim_end().ends_with(']') && !line.contains(['"', '\'']);
    let is_comment = line.trim_start().starts_with('#');
    if is_heading && !is_comment {
        return line.to_owned();
    }
    let key = line.find(['=', ':']).and_then(|at| line.get(..=at)).unwrap_or_default();
    let value = line.get(key.len()..).unwrap_or_default();
    let dots = value
        .chars()
        .map(|character| if character.is_whitespace() || "[]{},\"'".contains(character) { character } else { '•' });
    key.chars().chain(dots).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_and_values_are_not() {
        for (text, expect) in [
            ("[realms.main]\n", "[realms.main]\n"),
            ("password = \"hunter2\n", "password = \"•••••••\n"),
            ("password = hunter2", "password = •••••••"),
            ("  \"hunter2\",\n", "  \"•••••••\",\n"),
            ("  'mật khẩu', # x", "  '••• ••••', • •"),
            ("{\"password\": \"hunter2\"}", "{\"password\": \"•••••••\"}"),
            ("# was = hunter2", "# was = •••••••"),
            ("a = 1\nb = [\n", "a = •\nb = [\n"),
        ] {
            assert_eq!(masked(text), expect);
            assert_eq!(masked(text).chars().count(), text.chars().count());
        }
    }
}
