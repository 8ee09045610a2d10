//! Sixteen bytes at a time: where the first byte of a class stands. The fields of a message are short
//! and many, so that a search must cost little before its first step; what is shorter than sixteen
//! bytes is read in two overlapping parts, without a loop.

use wide::u8x16;

/// How many bytes are looked at in one step.
const WIDTH: usize = 16;

/// A class of bytes: all bits of those lanes are set whose byte is in it.
pub(super) trait Class: Fn(u8x16) -> u8x16 {}
impl<F: Fn(u8x16) -> u8x16> Class for F {}

/// Where the first byte of `class` stands.
#[inline(always)]
pub(super) fn find(value: &[u8], class: impl Class) -> Option<usize> {
    let mut rest = value;
    while let Some((chunk, tail)) = rest.split_first_chunk::<WIDTH>() {
        let hits = class(u8x16::new(*chunk)).to_bitmask();
        if hits != 0 {
            return Some(value.len() - rest.len() + hits.trailing_zeros() as usize);
        }
        rest = tail;
    }
    // Of the last sixteen bytes those that are left, or all there are with zeros behind them.
    let (lanes, seen) = match value.last_chunk::<WIDTH>() {
        Some(last) => (u8x16::new(*last), WIDTH - rest.len()),
        None => (u8x16::new(word(rest).to_le_bytes()), 0),
    };
    let hits = (class(lanes).to_bitmask() >> seen) & ((1 << rest.len()) - 1);
    (hits != 0).then(|| value.len() - rest.len() + hits.trailing_zeros() as usize)
}

/// How many bytes at the start of `value` are in `class`.
#[inline(always)]
pub(super) fn run(value: &[u8], class: impl Class) -> usize {
    find(value, |lanes| !class(lanes)).unwrap_or(value.len())
}

/// Whether a byte of `second` follows right behind one of `first`.
#[inline(always)]
pub(super) fn pair(value: &[u8], first: impl Class, second: impl Class) -> bool {
    let mut rest = value;
    while !rest.is_empty() {
        let (lanes, tail) = match rest.split_first_chunk::<WIDTH>() {
            // The last byte is looked at once more, as the first of the next step.
            Some((chunk, _)) => (u8x16::new(*chunk), rest.get(WIDTH - 1..).unwrap_or_default()),
            None => (u8x16::new(word(rest).to_le_bytes()), &[][..]),
        };
        if (first(lanes).to_bitmask() << 1) & second(lanes).to_bitmask() != 0 {
            return true;
        }
        rest = if rest.len() > WIDTH { tail } else { &[] };
    }
    false
}

/// Fewer than sixteen bytes as a number, the first one lowest.
#[inline(always)]
pub(super) const fn word(value: &[u8]) -> u128 {
    let length = value.len();
    if let (Some(first), Some(last)) = (value.first_chunk::<8>(), value.last_chunk::<8>()) {
        // The last eight without those that are among the first eight.
        let last = (u64::from_le_bytes(*last) >> 8) >> (8 * (15 - length));
        u64::from_le_bytes(*first) as u128 | (last as u128) << 64
    } else if let (Some(first), Some(last)) = (value.first_chunk::<4>(), value.last_chunk::<4>()) {
        let last = (u32::from_le_bytes(*last) as u64) << (8 * (length - 4));
        (u32::from_le_bytes(*first) as u64 | last) as u128
    } else {
        match value {
            [] => 0,
            [a] => *a as u128,
            [a, b] => u16::from_le_bytes([*a, *b]) as u128,
            [a, b, c, ..] => u32::from_le_bytes([*a, *b, *c, 0]) as u128,
        }
    }
}

/// Just `byte`.
#[inline(always)]
pub(super) fn byte(byte: u8) -> impl Class {
    move |lanes| lanes.simd_eq(u8x16::splat(byte))
}

/// One of two bytes.
#[inline(always)]
pub(super) fn either(one: u8, other: u8) -> impl Class {
    move |lanes| lanes.simd_eq(u8x16::splat(one)) | lanes.simd_eq(u8x16::splat(other))
}

/// The bytes from `first` to `last`.
#[inline(always)]
fn within(lanes: u8x16, first: u8, last: u8) -> u8x16 {
    (lanes - u8x16::splat(first)).simd_le(u8x16::splat(last - first))
}

/// The letters in both cases, and the digits.
#[inline(always)]
fn alphanumeric(lanes: u8x16) -> u8x16 {
    within(lanes | u8x16::splat(0x20), b'a', b'z') | within(lanes, b'0', b'9')
}

/// What may stand in a token (RFC 3261 section 25.1).
#[inline(always)]
pub(super) fn token(lanes: u8x16) -> u8x16 {
    alphanumeric(lanes)
        | within(lanes, b'*', b'+')
        | within(lanes, b'-', b'.')
        | within(lanes, b'_', b'`')
        | either(b'!', b'%')(lanes)
        | either(b'\'', b'~')(lanes)
}

/// What may stand in a host. An underscore is no host name, and yet common in private DNS.
#[inline(always)]
pub(super) fn host(lanes: u8x16) -> u8x16 {
    alphanumeric(lanes) | within(lanes, b'-', b'.') | byte(b'_')(lanes)
}

/// What may not stand in a URI: blanks, controls, quotes, angle brackets.
#[inline(always)]
pub(super) fn not_uri(lanes: u8x16) -> u8x16 {
    within(lanes, 0, b' ') | either(b'<', b'>')(lanes) | either(b'"', 0x7f)(lanes)
}

/// What may not stand in a parameter's value without quotes.
#[inline(always)]
pub(super) fn not_value(lanes: u8x16) -> u8x16 {
    not_uri(lanes) | either(b',', b';')(lanes)
}

/// Linear white space, as [`super::scan::is_lws`].
#[inline(always)]
pub(super) fn lws(lanes: u8x16) -> u8x16 {
    either(b' ', b'\t')(lanes) | either(b'\r', b'\n')(lanes)
}

/// No byte at all.
#[inline(always)]
pub(super) fn none(_: u8x16) -> u8x16 {
    u8x16::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_holds_the_bytes_of_its_grammar() {
        let marks = |one: u8, marks: &[u8]| one.is_ascii_alphanumeric() || marks.contains(&one);
        let blank = |one| matches!(one, b' ' | b'\t' | b'\r' | b'\n');
        let not_in_uri = |one| one <= b' ' || matches!(one, b'<' | b'>' | b'"' | 0x7f);
        for one in 0..=u8::MAX {
            let value = [one];
            assert_eq!(find(&value, token).is_some(), marks(one, b"-.!%*_+`'~"), "{one}");
            assert_eq!(find(&value, host).is_some(), marks(one, b"-._"), "{one}");
            assert_eq!(find(&value, not_uri).is_some(), not_in_uri(one), "{one}");
            let delimits = not_in_uri(one) || matches!(one, b',' | b';');
            assert_eq!(find(&value, not_value).is_some(), delimits, "{one}");
            assert_eq!(find(&value, lws).is_some(), blank(one), "{one}");
            assert_eq!(find(&value, either(b'a', 0)).is_some(), matches!(one, b'a' | 0), "{one}");
        }
    }

    #[test]
    fn the_first_hit_is_found_at_every_place_of_every_length() {
        let places = (0..70).flat_map(|length| (0..length).map(move |at| (length, at)));
        for (length, at, again) in places.flat_map(|(length, at)| {
            [at, at + 1, at + 17].map(|again| (length, at, again.min(length - 1)))
        }) {
            let hit = |place| if place == at || place == again { b';' } else { b'a' };
            let value: Vec<u8> = (0..length).map(hit).collect();
            assert_eq!(find(&value, byte(b';')), Some(at), "{length} {at} {again}");
            assert_eq!(run(&value, token), at, "{length} {at} {again}");
            assert_eq!(find(&value, byte(0)), None, "what is behind the end does not count");
            let pairs = value.windows(2).any(|two| two == b";;");
            assert_eq!(pair(&value, byte(b';'), byte(b';')), pairs, "{length} {at} {again}");
        }
        assert_eq!(
            (find(b"", byte(0)), run(b"", token), pair(b"", token, token)),
            (None, 0, false)
        );
    }

    #[test]
    fn a_word_is_its_bytes_lowest_first() {
        for length in 0..16_u8 {
            let value: Vec<u8> = (1..=length).collect();
            let mut padded = [0; 16];
            padded.get_mut(..value.len()).unwrap().copy_from_slice(&value);
            assert_eq!(word(&value), u128::from_le_bytes(padded));
        }
    }
}
