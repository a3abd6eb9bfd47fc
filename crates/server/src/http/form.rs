//! Forms: name and value pairs, strictly decoded, none lost (RFC 6749 appendix B).

use kimbai_core::authorize::Parameter;
use kimbai_core::token::RequestFault;
use percent_encoding::percent_decode;

/// More parameters than any request of ours has.
const PARAMETERS_MAX: usize = 64;

/// The parameters of a query or a body, in order, with those that are not UTF-8 known as such.
#[derive(Debug, Clone, Default)]
pub struct Form {
    parameters: Vec<(String, Option<String>)>,
}

impl Form {
    /// Decodes `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// [`RequestFault::TooMany`]; a name that is not UTF-8 is [`RequestFault::Body`].
    pub fn decode(encoded: &[u8]) -> Result<Self, RequestFault> {
        let mut form = Self::default();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = halves.next().and_then(decode).ok_or(RequestFault::Body)?;
            let value = decode(halves.next().unwrap_or_default());
            form.push(name, value)?;
        }
        Ok(form)
    }

    /// Adds a parameter; `None` for a value that is not UTF-8.
    ///
    /// # Errors
    /// [`RequestFault::TooMany`].
    pub fn push(&mut self, name: String, value: Option<String>) -> Result<(), RequestFault> {
        if self.parameters.len() >= PARAMETERS_MAX {
            return Err(RequestFault::TooMany);
        }
        self.parameters.push((name, value));
        Ok(())
    }

    /// Both forms' parameters, so that one given in each is repeated.
    ///
    /// # Errors
    /// [`RequestFault::TooMany`].
    pub fn joined(mut self, other: Self) -> Result<Self, RequestFault> {
        other.parameters.into_iter().try_for_each(|(name, value)| self.push(name, value))?;
        Ok(self)
    }

    /// The parameter of this name; empty is absent (RFC 6749 section 3.1).
    #[must_use]
    pub fn parameter(&self, name: &str) -> Parameter {
        let mut values = self.parameters.iter().filter(|(of, _)| of == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Parameter::Absent,
            (Some(Some(value)), None) if value.is_empty() => Parameter::Absent,
            (Some(Some(value)), None) => Parameter::Once(value.clone()),
            (Some(None), None) | (Some(_), Some(_)) => Parameter::Malformed,
        }
    }

    /// Takes the value of this name, which must not be repeated.
    ///
    /// # Errors
    /// [`RequestFault::Repeated`], [`RequestFault::Parameter`].
    pub fn take(&mut self, name: &'static str) -> Result<Option<String>, RequestFault> {
        let mut found = None;
        for (of, value) in &mut self.parameters {
            if of == name {
                match (found.is_some(), value.take()) {
                    (true, _) => return Err(RequestFault::Repeated(name)),
                    (false, None) => return Err(RequestFault::Parameter(name)),
                    (false, Some(value)) => found = Some(value),
                }
            }
        }
        Ok(found.filter(|value| !value.is_empty()))
    }

    /// How often a parameter of this name is there.
    #[must_use]
    pub fn occurrences(&self, name: &str) -> usize {
        self.parameters.iter().filter(|(of, _)| of == name).count()
    }

    /// All values of this name, for what may be given several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.parameters.iter().filter(move |(of, _)| of == name).filter_map(|(_, value)| value.as_deref())
    }

    /// All pairs, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
    }
}

/// `+` is a space, `%xx` a byte, and all of it UTF-8.
pub(crate) fn decode(encoded: &[u8]) -> Option<String> {
    if !encoded.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return String::from_utf8(encoded.to_vec()).ok();
    }
    let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_strictly() {
        let form = Form::decode(b"a=1&b=%20x+y&c=&d=%FF&e=1&e=1&=z&f").unwrap();
        for (name, expect) in [
            ("a", Parameter::Once("1".to_owned())),
            ("b", Parameter::Once(" x y".to_owned())),
            ("c", Parameter::Absent),
            ("d", Parameter::Malformed),
            ("e", Parameter::Malformed),
            ("f", Parameter::Absent),
            ("g", Parameter::Absent),
        ] {
            assert_eq!(form.parameter(name), expect, "{name}");
        }
        let mut form = form;
        assert_eq!(form.take("a"), Ok(Some("1".to_owned())));
        assert_eq!(form.take("c"), Ok(None));
        assert_eq!(form.take("d"), Err(RequestFault::Parameter("d")));
        assert_eq!(form.take("e"), Err(RequestFault::Repeated("e")));
        assert_eq!(form.take("g"), Ok(None));
    }

    #[test]
    fn a_form_has_64_parameters_and_not_one_more() {
        assert!(Form::decode("a=1&".repeat(64).as_bytes()).is_ok());
        assert_eq!(Form::decode("a=1&".repeat(65).as_bytes()).unwrap_err(), RequestFault::TooMany);
    }

    #[test]
    fn a_parameter_in_query_and_body_is_repeated() {
        let joined = Form::decode(b"scope=a").unwrap().joined(Form::decode(b"scope=a").unwrap()).unwrap();
        assert_eq!(joined.parameter("scope"), Parameter::Malformed);
    }
}
