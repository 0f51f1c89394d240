//! JSON as Python writes JSON, beyond the standard.

use std::fmt;

/// Refuses integers too large for 64 bits: a parser would read a float and lose digits silently.
pub(crate) fn check(text: &str) -> Result<(), HugeInteger> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let length = bytes[at..].iter().take_while(|byte| is_of_number(**byte)).count();
                let number = &text[at..at + length];
                let is_integer = !number.contains(['.', 'e', 'E']);
                if length > 18 && is_integer && number.parse::<u64>().is_err() && number.parse::<i64>().is_err() {
                    return Err(HugeInteger);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    Ok(())
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Returns the place after the string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// An integer of more than 64 bits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HugeInteger;

impl fmt::Display for HugeInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer has more than 64 bits; pass it as text")
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::json::HugeInteger;
    use crate::wire::json::check;

    #[test]
    fn huge_integers_are_refused_wherever_they_are() {
        for good in [
            "1",
            "[18446744073709551615]",
            "-9223372036854775808",
            "1e300",
            "\"99999999999999999999999\"",
            r#""\"99999999999999999999999""#,
            "0.12345678901234567890123",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["18446744073709551616", "[1, -9223372036854775809]", r#"{"a\\": 1208925819614629174706176}"#] {
            assert_eq!(check(bad), Err(HugeInteger), "{bad}");
        }
    }
}
