//! Numbers as carriers and phones present them.

use crate::model::value::Number;

/// The called number of an inbound call: a leading `+`, else a leading `00`, taken away
/// (domain.md section 5), then 1 to 15 digits. `None`: there is no number.
pub fn called_number(presented: &str) -> Option<Number> {
    let bare = presented.strip_prefix('+').or_else(|| presented.strip_prefix("00"));
    bare.unwrap_or(presented).parse().ok()
}

/// Whether a text can be dialled: 1 to 64 of `0-9 * #`, `+` only in front.
pub fn is_dialable(dialled: &str) -> bool {
    let rest = dialled.strip_prefix('+').unwrap_or(dialled);
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'*' || byte == b'#';
    !rest.is_empty() && dialled.len() <= 64 && rest.bytes().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_write_one_number_in_three_ways() {
        for text in ["+442079460000", "00442079460000", "442079460000"] {
            assert_eq!(called_number(text).unwrap().to_string(), "442079460000");
        }
        for text in ["", "+", "00", "sales", "+44 20", "1234567890123456"] {
            assert_eq!(called_number(text), None, "{text}");
        }
    }

    #[test]
    fn dialled_texts_are_digits_stars_and_hashes() {
        assert!(is_dialable("+44207") && is_dialable("*61#") && is_dialable("0"));
        assert!(!is_dialable("+") && !is_dialable("44+2") && !is_dialable("a") && !is_dialable(""));
        assert!(!is_dialable(&"1".repeat(65)));
    }
}
