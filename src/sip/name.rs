//! Header names: one table of the names that we know, with their compact forms.

use super::lanes;

/// Declares [`HeaderName`] from one list of `Variant "Canonical-Name" compact`.
macro_rules! header_names {
    ($($variant:ident $name:literal $($compact:literal)?,)*) => {
        /// A header name in one byte, whatever form and case the wire used.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// A name that is not in the table; its bytes are in the message.
            Other,
        }

        /// The table: every known name with its compact form (0 for none).
        const NAMES: &[(HeaderName, &str, u8)] =
            &[$((HeaderName::$variant, $name, header_names!(@compact $($compact)?)),)*];
    };
    (@compact) => { 0 };
    (@compact $compact:literal) => { $compact };
}

header_names! {
    Via "Via" b'v',
    From "From" b'f',
    To "To" b't',
    CallId "Call-ID" b'i',
    CSeq "CSeq",
    Contact "Contact" b'm',
    MaxForwards "Max-Forwards",
    ContentLength "Content-Length" b'l',
    ContentType "Content-Type" b'c',
    ContentEncoding "Content-Encoding" b'e',
    ContentDisposition "Content-Disposition",
    RecordRoute "Record-Route",
    Route "Route",
    Path "Path",
    ServiceRoute "Service-Route",
    Expires "Expires",
    MinExpires "Min-Expires",
    SessionExpires "Session-Expires" b'x',
    MinSe "Min-SE",
    RetryAfter "Retry-After",
    Require "Require",
    ProxyRequire "Proxy-Require",
    Supported "Supported" b'k',
    Unsupported "Unsupported",
    Allow "Allow",
    AllowEvents "Allow-Events" b'u',
    Event "Event" b'o',
    Accept "Accept",
    AcceptContact "Accept-Contact" b'a',
    RejectContact "Reject-Contact" b'j',
    RequestDisposition "Request-Disposition" b'd',
    Authorization "Authorization",
    ProxyAuthorization "Proxy-Authorization",
    WwwAuthenticate "WWW-Authenticate",
    ProxyAuthenticate "Proxy-Authenticate",
    AuthenticationInfo "Authentication-Info",
    PAssertedIdentity "P-Asserted-Identity",
    PPreferredIdentity "P-Preferred-Identity",
    RemotePartyId "Remote-Party-ID",
    Privacy "Privacy",
    Diversion "Diversion",
    HistoryInfo "History-Info",
    Identity "Identity" b'y',
    IdentityInfo "Identity-Info" b'n',
    ReferTo "Refer-To" b'r',
    ReferredBy "Referred-By" b'b',
    Replaces "Replaces",
    Reason "Reason",
    Warning "Warning",
    RSeq "RSeq",
    RAck "RAck",
    Subject "Subject" b's',
    Timestamp "Timestamp",
    Date "Date",
    UserAgent "User-Agent",
    Server "Server",
    AlertInfo "Alert-Info",
    CallInfo "Call-Info",
}

impl HeaderName {
    /// The name that `bytes` spells in any case, long or compact.
    pub fn of(bytes: &[u8]) -> Self {
        let index = match bytes {
            [one] => COMPACT.get(usize::from(*one | 0x20)),
            _ => SLOTS.get(slot(bytes)),
        };
        let Some(index) = index.map(|index| usize::from(*index)) else {
            return Self::Other;
        };
        let (Some((name, text, _)), Some(word)) = (NAMES.get(index), WORDS.get(index)) else {
            return Self::Other;
        };
        let text = text.as_bytes();
        let same = match bytes.len() {
            1 => true,
            length if length != text.len() => false,
            ..16 if lanes::word(bytes) == *word => true,
            _ => bytes.eq_ignore_ascii_case(text),
        };
        if same { *name } else { Self::Other }
    }

    /// The name as the RFCs write it; empty for [`HeaderName::Other`].
    pub fn as_str(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, text, _)| text)
    }
}

/// The names of fewer than sixteen letters as numbers, to be compared in one step.
static WORDS: [u128; NAMES.len()] = words();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn words() -> [u128; NAMES.len()] {
    let mut words = [0; NAMES.len()];
    let mut index = 0;
    while index < NAMES.len() {
        let name = NAMES[index].1.as_bytes();
        if name.len() < 16 {
            words[index] = lanes::word(name);
        }
        index += 1;
    }
    words
}

/// No name has this index.
const NONE: u8 = u8::MAX;
const SLOT_COUNT: usize = 1024;

/// The index into [`NAMES`] of each compact form, by its lower-case letter.
static COMPACT: [u8; 256] = compact_table();
/// The index into [`NAMES`] of each long name, by [`slot`]; built without collisions or not at all.
static SLOTS: [u8; SLOT_COUNT] = slot_table();

/// A hash that keeps the known names apart: length, first, middle and last letter.
const fn slot(name: &[u8]) -> usize {
    let length = name.len();
    let (Some((first, _)), Some((last, _))) = (name.split_first(), name.split_last()) else {
        return 0;
    };
    let (_, half) = name.split_at(length / 2);
    let middle = match half.split_first() {
        Some((middle, _)) => *middle,
        None => 0,
    };
    let mix = length
        .wrapping_mul(MULTIPLIERS.0)
        .wrapping_add((*first | 0x20) as usize * MULTIPLIERS.1)
        .wrapping_add((middle | 0x20) as usize * MULTIPLIERS.2)
        .wrapping_add((*last | 0x20) as usize * MULTIPLIERS.3);
    mix % SLOT_COUNT
}

/// Found by trial; [`slot_table`] does not compile when two names fall together.
const MULTIPLIERS: (usize, usize, usize, usize) = (457, 273, 739, 823);

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "at compile time")]
const fn slot_table() -> [u8; SLOT_COUNT] {
    let mut table = [NONE; SLOT_COUNT];
    let mut index = 0;
    while index < NAMES.len() {
        let at = slot(NAMES[index].1.as_bytes());
        assert!(table[at] == NONE, "two header names share a slot: choose other multipliers");
        table[at] = index as u8;
        index += 1;
    }
    table
}

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "at compile time")]
const fn compact_table() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut index = 0;
    while index < NAMES.len() {
        if NAMES[index].2 != 0 {
            table[NAMES[index].2 as usize] = index as u8;
        }
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_every_form() {
        for (name, text, compact) in NAMES {
            assert_eq!(HeaderName::of(text.as_bytes()), *name);
            assert_eq!(HeaderName::of(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(name.as_str(), *text);
            if *compact != 0 {
                assert_eq!(HeaderName::of(&[*compact]), *name);
                assert_eq!(HeaderName::of(&[compact.to_ascii_uppercase()]), *name);
            }
        }
        for other in [&b"X-Trunk"[..], b"z", b"", b"Viaa", b"\xff\xfe", b"\x16"] {
            assert_eq!(HeaderName::of(other), HeaderName::Other);
        }
    }
}
