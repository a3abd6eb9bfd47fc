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
    let key = line.find(['=', ':']).and_then(|at| line.get(..=at)).filter(|key| is_key(key)).unwrap_or_default();
    let value = line.get(key.len()..).unwrap_or_default();
    let dots = value
        .chars()
        .map(|character| if character.is_whitespace() || "[]{},\"'".contains(character) { character } else { '•' });
    key.chars().chain(dots).collect()
}

/// A dotted key of TOML and its `=`, or a member's name of JSON and its `:`, after what opens an object. A value may have either
/// character in it too.
fn is_key(text: &str) -> bool {
    let is_bare = |key: &str| {
        !key.is_empty()
            && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '"' | '\''))
    };
    let text = text.trim_start_matches([' ', '\t', '#', '{', '[', ',']);
    match text.strip_suffix('=') {
        // A value in base64 ends with this sign too; a key is followed by a space in what people write.
        Some(key) => is_bare(key) && key.ends_with([' ', '"', '\'']),
        None => text.strip_suffix(':').and_then(|key| key.trim_end().strip_suffix('"')).is_some_and(is_bare),
    }
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
            ("password =\nc2VjcmV0c2VjcmV0Cg==\n", "password =\n••••••••••••••••••••\n"),
            ("\"password\":\n\"hunter2:x\"\n", "\"password\":\n\"•••••••••\"\n"),
        ] {
            assert_eq!(masked(text), expect);
            assert_eq!(masked(text).chars().count(), text.chars().count());
        }
    }
}
