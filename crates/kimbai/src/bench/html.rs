//! The forms of a page: what a browser would send if a person filled them in and pressed a button.
//! Reads well-formed pages of ours (quoted attributes, no scripts that build forms), not the web.

/// A form with its fields in document order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// As written; empty when it has none, which means the page's own address.
    pub(super) action: String,
    fields: Vec<Field>,
    buttons: Vec<Field>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Field {
    id: String,
    name: String,
    value: String,
    /// An unchecked box is not sent.
    sent: bool,
}

impl Form {
    /// All forms of a page.
    pub(super) fn all(page: &str) -> Vec<Self> {
        let mut forms = Vec::new();
        let mut open: Option<Self> = None;
        for tag in Tags(page) {
            match (tag.name.as_str(), &mut open) {
                ("form", _) => {
                    let begun = Self { action: tag.attribute("action").unwrap_or_default(), ..Self::default() };
                    forms.extend(open.replace(begun));
                }
                ("/form", _) => forms.extend(open.take()),
                ("input", Some(form)) => form.add_input(&tag),
                ("button", Some(form)) => form.buttons.push(tag.field()),
                _ => {}
            }
        }
        forms.extend(open);
        forms
    }

    /// Whether it has a field of this id or name.
    pub(super) fn has_field(&self, id: &str) -> bool {
        self.fields.iter().any(|field| field.is(id))
    }

    /// Whether it has a submit button of this id or name.
    pub(super) fn has_button(&self, id: &str) -> bool {
        self.buttons.iter().any(|button| button.is(id))
    }

    /// Writes into a field.
    pub(super) fn fill(&mut self, id: &str, value: &str) {
        for field in self.fields.iter_mut().filter(|field| field.is(id)) {
            value.clone_into(&mut field.value);
        }
    }

    /// The body that pressing a button sends.
    pub(super) fn submission(&self, button: &str) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        let pressed = self.buttons.iter().find(|known| known.is(button));
        for field in self.fields.iter().chain(pressed).filter(|field| field.sent && !field.name.is_empty()) {
            body.append_pair(&field.name, &field.value);
        }
        body.finish()
    }

    fn add_input(&mut self, tag: &Tag) {
        let kind = tag.attribute("type").unwrap_or_default().to_ascii_lowercase();
        let mut field = tag.field();
        match kind.as_str() {
            "submit" => self.buttons.push(field),
            "checkbox" | "radio" => {
                field.sent = tag.attribute("checked").is_some();
                field.value = tag.attribute("value").unwrap_or_else(|| "on".to_owned());
                self.fields.push(field);
            }
            "button" | "reset" | "image" => {}
            _ => self.fields.push(field),
        }
    }
}

impl Field {
    fn is(&self, id: &str) -> bool {
        self.id == id || self.name == id
    }
}

struct Tag {
    /// Lower case; a closing tag's begins with a slash.
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn field(&self) -> Field {
        let text = |name| self.attribute(name).unwrap_or_default();
        Field { id: text("id"), name: text("name"), value: text("value"), sent: true }
    }
}

struct Tags<'a>(&'a str);

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        loop {
            let (_, rest) = self.0.split_once('<')?;
            if let Some(comment) = rest.strip_prefix("!--") {
                self.0 = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let (attributes, rest) = attributes(rest);
            self.0 = rest;
            return Some(Tag { name: name.trim_end_matches('/').to_ascii_lowercase(), attributes });
        }
    }
}

/// The attributes up to the tag's end, and what follows it.
fn attributes(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (found, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after.trim_start();
        let mut value = "";
        if let Some(assigned) = rest.strip_prefix('=') {
            (value, rest) = attribute_value(assigned.trim_start());
        }
        found.push((name.to_ascii_lowercase(), unescape(value)));
    }
}

fn attribute_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    text.split_at(text.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(text.len()))
}

/// Resolves the references that template engines write: named ones of the five markup characters, and numbers.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let resolved = after.split_once(';').and_then(|(name, after)| Some((reference(name)?, after)));
        let (character, after) = resolved.unwrap_or(('&', after));
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!doctype html><html><!-- <form action="/no"> --><body>
        <form action='/language' method=get><button name=lang value=vi>vi</button></form>
        <FORM method="post" action="/login?request=a&amp;state=b&#38;c&#x3D;1">
          <input type="hidden" name="form_token" value="x&quot;&lt;&#39;>&amp;amp;">
          <input id="username" name="username" autofocus required/>
          <input id=password type=password name=password>
          <input type="checkbox" name="keep" checked> <input type="checkbox" name="other" value="1">
          <input type="submit" id="cancel" name="cancel" value="no">
          <button id="login" name="step" value="log&amp;in">Go</button>
        </FORM></body>"#;

    #[test]
    fn forms_are_found_with_their_action_and_fields() {
        let forms = Form::all(PAGE);
        assert_eq!(
            forms.iter().map(|form| form.action.as_str()).collect::<Vec<_>>(),
            ["/language", "/login?request=a&state=b&c=1"]
        );
        assert!(forms[1].has_field("password") && !forms[0].has_field("password"));
        assert!(forms[1].has_button("login") && !forms[1].has_button("lang"));
    }

    #[test]
    fn a_submission_holds_hidden_filled_and_checked_fields_and_the_pressed_button() {
        let mut form = Form::all(PAGE).remove(1);
        form.fill("username", "ân b");
        form.fill("password", "p&w");
        assert_eq!(
            form.submission("login"),
            "form_token=x%22%3C%27%3E%26amp%3B&username=%C3%A2n+b&password=p%26w&keep=on&step=log%26in"
        );
    }

    #[test]
    fn what_is_cut_off_or_strange_ends_quietly() {
        for page in
            ["<", "<form", "<form action", "<form action=\"x", "<!-- x", "<form action=x & y><input name='", "&;&#x;"]
        {
            assert!(Form::all(page).len() <= 1, "{page}");
        }
        assert_eq!(unescape("&nothing; & &#xD800; &#65;"), "&nothing; & &#xD800; A");
    }
}
