//! Numbers of bytes as arguments, such as `256M`.

/// A number of bytes: `64M`, `1G`, `65536`.
pub(crate) fn parse(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let shift = match &*text[digits.len()..].to_ascii_uppercase() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(NO_BYTES.into()),
    };
    let number: usize = digits.parse().map_err(|_| NO_BYTES)?;
    number.checked_mul(1 << shift).ok_or_else(|| "more than this machine can address".into())
}

const NO_BYTES: &str = "a number of bytes is expected, such as 256M or 1G";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_in_powers_of_1024() {
        assert_eq!(parse("65536"), Ok(65_536));
        assert_eq!(parse("256M"), Ok(256 << 20));
        assert_eq!(parse("1gib"), Ok(1 << 30));
        for wrong in ["", "M", "-1M", "1.5G", "1Q", "99999999999T"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
