//! What people mean whose text nearly has the form of a value.

use std::net::Ipv4Addr;

use crate::manifest::notations::is_spelling;
use crate::manifest::yaml::shown;
use crate::model::value::{Cidr, Name, PhoneNumber, Seconds, Timestamp};

/// A duration in words or of several parts: `10 minutes`, `1h30m`.
pub(super) fn duration(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let mut rest = lower.as_str();
    let mut total = 0_u32;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at_checked(digits).filter(|_| digits > 0)?;
        let behind = behind.trim_start();
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, behind) = behind.split_at_checked(letters)?;
        let unit = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            _ => return None,
        };
        total = number.parse::<u32>().ok()?.checked_mul(unit)?.checked_add(total)?;
        rest = behind.trim_start();
    }
    let right = match total {
        0 => return None,
        whole if whole % 3600 == 0 => format!("{}h", whole / 3600),
        whole if whole % 60 == 0 => format!("{}m", whole / 60),
        seconds => format!("{seconds}s"),
    };
    right.parse::<Seconds>().ok().map(|_| format!("write `{right}`"))
}

/// A range of addresses by its ends, or with an address inside of it.
pub(super) fn addresses(text: &str) -> Option<String> {
    if let Some((first, last)) = text.split_once('-') {
        let end = |end: &str| end.trim().parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
        let (first, last) = (end(first)?, end(last)?);
        let count =
            last.checked_sub(first)?.checked_add(1).filter(|count| count.is_power_of_two())?;
        let bits = u8::try_from(32 - count.trailing_zeros()).ok()?;
        let range = Cidr::around(Ipv4Addr::from_bits(first).into(), bits);
        let is_whole = range.network() == Ipv4Addr::from_bits(first);
        return is_whole.then(|| format!("write `{range}`"));
    }
    let (address, bits) = text.split_once('/')?;
    let (address, bits) = (address.parse().ok()?, bits.parse().ok()?);
    let range = Cidr::around(address, bits);
    (range.bits() == bits).then(|| format!("write `{range}`"))
}

/// A name with its kind or owner before it, as messages print identities.
pub(super) fn last_name(text: &str) -> Option<String> {
    let name = text.rsplit_once('/')?.1.parse::<Name>().ok()?;
    Some(format!("write the name alone, `{name}`"))
}

/// A telephone number with what people put between its digits.
pub(super) fn telephone(text: &str) -> Option<String> {
    let is_spelling = |c: char| c == '+' || is_spelling(c);
    let bare = text.trim().replace("(0)", "");
    let right: String = bare.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let is_one = bare.chars().all(is_spelling) && right.parse::<PhoneNumber>().is_ok();
    is_one.then(|| format!("write `\"{right}\"`"))
}

/// The tenant whose name stands alone.
pub(super) fn tenant(text: &str) -> Option<String> {
    let name = text.trim().parse::<Name>().ok()?;
    Some(format!("write `{{tenant: {name}}}`"))
}

/// A moment with a blank in it, or without what says where.
pub(super) fn moment(text: &str) -> Option<String> {
    let joined = text.trim().replacen(' ', "T", 1).replace(' ', "");
    let all = [joined.clone(), format!("{joined}Z")];
    let right = all.into_iter().find(|one| one.parse::<Timestamp>().is_ok())?;
    let zone = if right.ends_with('Z') && !text.ends_with(['Z', 'z']) {
        ": `Z` is UTC, another zone is written like `+01:00`"
    } else {
        ""
    };
    Some(format!("write `{}`{zone}", shown(&right)))
}

/// A number with a unit or a word behind it.
pub(super) fn leading_number(text: &str) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, behind) = text.split_at_checked(digits)?;
    let is_sound = !number.is_empty() && (number == "0" || !number.starts_with('0'));
    let is_word = behind.starts_with('%') || behind.starts_with(' ');
    (is_sound && is_word).then(|| format!("write {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_right_has_its_fix() {
        type Meant = fn(&str) -> Option<String>;
        let all: [(Meant, &str, Option<&str>); 20] = [
            (duration, "10 minutes", Some("10m")),
            (duration, "1h30m", Some("90m")),
            (duration, "1 h", Some("1h")),
            (duration, "1m 30s", Some("90s")),
            (duration, "2 days", Some("48h")),
            (duration, "soon", None),
            (duration, "10", None),
            (duration, "99999999999 days", None),
            (addresses, "203.0.113.0-203.0.113.255", Some("203.0.113.0/24")),
            (addresses, "203.0.113.1-203.0.113.255", None),
            (addresses, "203.0.113.2 - 203.0.113.5", None),
            (addresses, "10.0.0.1/24", Some("10.0.0.0/24")),
            (addresses, "10.0.0.1/33", None),
            (last_name, "Trunk/acme/own", Some("own")),
            (telephone, "+44 (0)20 7946-0000", Some("\"+442079460000\"")),
            (telephone, "anonymous", None),
            (tenant, "acme", Some("{tenant: acme}")),
            (moment, "2026-12-25 10:00", Some("2026-12-25T10:00Z")),
            (moment, "2026-12-25 10:00:00 +01:00", Some("2026-12-25T10:00:00+01:00")),
            (leading_number, "30%", Some("write 30")),
        ];
        for (meant, text, expected) in all {
            let told = meant(text);
            let right = told.as_deref().map(|told| told.split('`').nth(1).unwrap_or(told));
            assert_eq!(right, expected, "{text}");
        }
    }
}
