//! The cookies of one browser towards one host: enough for a log-in, no more.
//! Path, domain and lifetime are not looked at: each connection visits one realm for less than an hour.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

/// Cookies by name, in the order they came.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar(Vec<(String, String)>);

impl CookieJar {
    /// Takes what an answer sets, and drops what it deletes (`Max-Age` of zero or less, RFC 6265 section 5.2.2).
    pub(super) fn take(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            self.0.retain(|(known, _)| known != name);
            if !parts.any(deletes) {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// The `Cookie` header, if there are any.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
    }
}

fn deletes(attribute: &str) -> bool {
    let Some((name, value)) = attribute.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("max-age") && value.trim().parse::<i64>().is_ok_and(|seconds| seconds <= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (SET_COOKIE, HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn cookies_are_sent_back_replaced_and_deleted() {
        let mut jar = CookieJar::default();
        assert_eq!(jar.header(), None);
        jar.take(&set(&["browser-x=b1; Path=/; HttpOnly; SameSite=Lax", "session-x=s=1; max-age=28800"]));
        assert_eq!(jar.header().unwrap(), "browser-x=b1; session-x=s=1");
        jar.take(&set(&["browser-x=b2"]));
        assert_eq!(jar.header().unwrap(), "session-x=s=1; browser-x=b2");
        jar.take(&set(&["session-x=; Max-Age=0", "no pair"]));
        assert_eq!(jar.header().unwrap(), "browser-x=b2");
    }
}
