//! Addresses that a page links to. The registry has checked them already; a page is the last place where a
//! scriptable address could do harm, so it looks once more and leaves out what it would not click itself.

/// The address if it is http or https: what a client may have as its home page or icon.
pub(crate) fn web(uri: &str) -> Option<&str> {
    let lower = uri.get(..8).unwrap_or(uri).to_ascii_lowercase();
    (harmless(uri) && (lower.starts_with("https://") || lower.starts_with("http://"))).then_some(uri)
}

/// The address if following it cannot run anything: a path of ours, http(s), or an app's own scheme (RFC 8252).
pub(crate) fn safe(uri: &str) -> Option<&str> {
    harmless(uri).then_some(uri)
}

/// Host and port of an http(s) address, as a person should read them: without user information.
pub(crate) fn host(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn harmless(uri: &str) -> bool {
    // Browsers drop control characters from addresses, which hides a scheme from a simple comparison.
    if uri.is_empty() || uri.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return false;
    }
    let Some((scheme, _)) = uri.split_once(':') else { return true };
    !SCRIPTABLE.iter().any(|scriptable| scheme.eq_ignore_ascii_case(scriptable))
}

const SCRIPTABLE: [&str; 6] = ["javascript", "data", "vbscript", "blob", "file", "filesystem"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_run_nothing_become_links() {
        let cases = [
            ("https://shop.example/a", true, true),
            ("HTTP://shop.example", true, true),
            ("/authorize?client_id=a", false, true),
            ("vn.example.app:/callback", false, true),
            ("javascript:alert(1)", false, false),
            ("JavaScript:alert(1)", false, false),
            ("java\tscript:alert(1)", false, false),
            (" javascript:alert(1)", false, false),
            ("data:text/html,x", false, false),
            ("http", false, true),
            ("ảảảảảảả", false, true),
            ("", false, false),
        ];
        for (uri, as_web, as_safe) in cases {
            assert_eq!((web(uri).is_some(), safe(uri).is_some()), (as_web, as_safe), "{uri:?}");
        }
    }

    #[test]
    fn the_host_is_what_the_browser_will_open() {
        let cases = [
            ("https://shop.example/path?x#y", "shop.example"),
            ("http://localhost:8080/callback", "localhost:8080"),
            ("https://bank.example@evil.example/", "evil.example"),
            ("https://evil.example\\@bank.example", "evil.example"),
            ("https://[::1]:8080/", "[::1]:8080"),
        ];
        for (uri, expected) in cases {
            assert_eq!(host(uri), expected, "{uri}");
        }
    }
}
