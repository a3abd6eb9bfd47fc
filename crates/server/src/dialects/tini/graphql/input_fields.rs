//! Input objects name each field once (GraphQL specification of October 2021, section 5.6.3). The library keeps the last of two and
//! tells nobody, so that the text is looked through once more, after it has parsed.

use std::collections::HashSet;

/// What an opening bracket began.
enum Context<'a> {
    /// Fields, or a list: nothing is named once in it.
    Other,
    /// Arguments or variables; a brace inside of them opens an input object.
    Arguments,
    /// The fields of an input object so far.
    Object(HashSet<&'a str>),
}

/// Whether an input object in this query, which parses, has a field twice.
pub(super) fn are_repeated(query: &str) -> bool {
    let (mut rest, mut contexts) = (query, Vec::new());
    while let Some(first) = rest.bytes().next() {
        let end = token_end(rest, first);
        let (token, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        match first {
            b'(' => contexts.push(Context::Arguments),
            b'{' if contexts.iter().any(|context| matches!(context, Context::Arguments)) => {
                contexts.push(Context::Object(HashSet::new()));
            }
            b'[' | b'{' => contexts.push(Context::Other),
            b')' | b']' | b'}' => drop(contexts.pop()),
            _ if is_name(first) && insignificant_cut(after).starts_with(':') => {
                if let Some(Context::Object(fields)) = contexts.last_mut()
                    && !fields.insert(token)
                {
                    return true;
                }
            }
            _ => {}
        }
        rest = after;
    }
    false
}

const fn is_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Where the token that begins here ends: a text, a comment, a name with its `$` or `@`, or one character.
fn token_end(rest: &str, first: u8) -> usize {
    let until = |end: &str, from: usize| {
        let found = rest.get(from..).and_then(|rest| rest.find(end));
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    let is_part_of_name = |character: char| character == '_' || character.is_ascii_alphanumeric();
    match first {
        b'#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
        b'"' if rest.starts_with("\"\"\"") => {
            let mut end = until("\"\"\"", 3);
            while rest.get(..end).is_some_and(|text| text.ends_with("\\\"\"\"")) && end < rest.len() {
                end = until("\"\"\"", end);
            }
            end
        }
        b'"' => {
            let mut is_escaped = false;
            let end = rest.bytes().skip(1).position(|byte| {
                let is_end = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                is_end
            });
            end.map_or(rest.len(), |end| end + 2)
        }
        b'$' | b'@' => 1 + rest.get(1..).map_or(0, |name| name.find(|c| !is_part_of_name(c)).unwrap_or(name.len())),
        _ if is_name(first) => rest.find(|c| !is_part_of_name(c)).unwrap_or(rest.len()),
        _ => rest.chars().next().map_or(1, char::len_utf8),
    }
}

/// The rest without what means nothing at its beginning.
fn insignificant_cut(mut rest: &str) -> &str {
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',', '\u{feff}']);
        if !rest.starts_with('#') {
            return rest;
        }
        rest = rest.split_once(['\n', '\r']).map_or("", |(_, after)| after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_an_input_object_is_named_once() {
        for (query, expect) in [
            ("{ a: f(input: {x: 1, y: 2}) { x x } a: f(input: {x: 1}) { x } }", false),
            ("{ f(input: {x: 1 x: 2}) }", true),
            ("{ f(input: {x: 1, y: {x: 1}, z: [{x: 1}, {x: 2}]}) }", false),
            ("{ f(input: {y: {x: 1, x: 1}}) }", true),
            ("{ f(input: {z: [{x: 1}, {x: 2, x: 3}]}) }", true),
            ("{ f(input: {x: \"x: 1 x: 2 }\", y: \"\\\"x: \" x\n#c: {\n:1}) }", true),
            ("{ f(input: {x: \"x: 1 x: 2 }\", y: \"\\\\\"}) }", false),
            ("{ f(input: {x: \"\"\"{x: \\\"\"\" x: \"\"\", y: $x}) }", false),
            ("query ($x: I = {a: 1, a: 2}) { f }", true),
            ("query ($x: I, $y: I) { a: f a: f }", false),
            ("# {x: 1 x: 2}\n{ f(a: {x: X, y: x}) }", false),
            ("{ f(\"", false),
        ] {
            assert_eq!(are_repeated(query), expect, "{query}");
        }
    }
}
