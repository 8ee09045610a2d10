//! Which digits are a country code (ITU-T E.164), so that other numbers in their place are noticed.

/// The codes of one and two digits.
const SHORT: &[&str] = &[
    "1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45",
    "46", "47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63",
    "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// What the codes of three digits begin with. Of these every one counts, also one that is not assigned
/// yet.
const ZONES: &[&str] = &[
    "21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "69",
    "80", "85", "87", "88", "96", "97", "99",
];

/// Whether a text is a country code, or one with the digits by which countries and networks that share
/// it are told apart: `1242` (Bahamas), `77` (Kazakhstan), `5999` (Curaçao), `8816` (a satellite network).
pub fn is_country_code(text: &str) -> bool {
    let is = |all: &[&str]| all.contains(&text);
    let begins = |all: &[&str]| all.iter().any(|one| text.starts_with(one));
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    match text.len() {
        1 => is(SHORT),
        2 => is(SHORT) || is(&["76", "77"]),
        // `999` calls for help in many countries, and is kept free for that.
        3 => begins(ZONES) && text != "999",
        4 => {
            let is_area = text.starts_with('1') && !begins(&["10", "11"]);
            is_area || begins(&["881", "882", "883"]) || is(&["5997", "5999"])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_country_code;

    #[test]
    fn numbers_that_call_for_help_are_no_country_codes() {
        for code in ["1", "7", "44", "49", "353", "886", "1242", "77", "5999", "8816", "998"] {
            assert!(is_country_code(code), "{code}");
        }
        for other in [
            "", "0", "00", "+44", "15", "17", "18", "110", "112", "118", "144", "911", "999",
            "000", "101", "4420", "1112", "44a", "210000",
        ] {
            assert!(!is_country_code(other), "{other}");
        }
    }
}
