//! Durations as a person writes them: a number and its unit, `90s 15m 24h 7d`.

/// So many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) u32);

/// Reads a duration.
///
/// # Errors
/// How to write one.
pub(super) fn parse(text: &str) -> Result<Seconds, String> {
    let advice = || "write a number and a unit: 90s, 15m, 24h or 7d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(advice)?;
    let unit_s: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(advice()),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) || number.is_empty() {
        return Err(advice());
    }
    let seconds = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit_s));
    seconds.map(Seconds).ok_or_else(|| "this is longer than 136 years".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, expect) in [
            ("0s", Some(0)),
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("24h", Some(86_400)),
            ("7d", Some(604_800)),
            ("4294967295s", Some(u32::MAX)),
            ("4294967296s", None),
            ("49711d", None),
            ("", None),
            ("h", None),
            ("24", None),
            ("24H", None),
            ("-1h", None),
            ("+1h", None),
            ("1.5h", None),
            ("1 h", None),
            ("1w", None),
            ("1ậ", None),
        ] {
            assert_eq!(parse(text).ok(), expect.map(Seconds), "{text}");
        }
    }
}
