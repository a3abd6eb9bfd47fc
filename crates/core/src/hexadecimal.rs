//! Bytes as hexadecimal digits (RFC 4648 section 8): written in lower case, read in either.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or_default());
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// The bytes behind pairs of digits; none for all else.
#[must_use]
pub fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut seen = 0;
    let byte = |[high, low]: &[u8; 2]| {
        let (high, low) = (value(*high), value(*low));
        seen |= high | low;
        high << 4 | low
    };
    let bytes = pairs.iter().map(byte).collect();
    (seen < NO_DIGIT).then_some(bytes)
}

/// So many bytes.
#[must_use]
pub fn array_from_hex<const BYTES: usize>(digits: &str) -> Option<[u8; BYTES]> {
    from_hex(digits.as_bytes())?.try_into().ok()
}

/// Beyond the value of any digit, in a bit of its own.
const NO_DIGIT: u8 = 16;

const fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => NO_DIGIT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_are_read_and_nothing_else_is() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(from_hex(hex(&all).as_bytes()), Some(all.clone()));
        assert_eq!(from_hex(hex(&all).to_ascii_uppercase().as_bytes()), Some(all));
        assert_eq!((hex(&[]), from_hex(b"")), (String::new(), Some(vec![])));
        for wrong in ["0", "000", "0g", "g0", " 0", "+1", "\u{1d7d8}"] {
            assert_eq!(from_hex(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(array_from_hex("00ff"), Some([0, 255]));
        assert_eq!(array_from_hex::<2>("00"), None);
    }
}
