//! What we read of a certificate ourselves: until when it is valid, and which SIP domains it speaks
//! for (RFC 5922 section 7.1). Chains and signatures are the TLS library's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::value::Host;

/// Names taken from one certificate; further ones are not looked at.
const MAX_NAMES: usize = 128;

const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`: the version, which only newer certificates have.
const VERSION: u8 = 0xa0;
/// `[3]`: the extensions.
const EXTENSIONS: u8 = 0xa3;
/// GeneralName `[2]`, `[6]` and `[7]` (RFC 5280 section 4.2.1.6).
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
const IP_ADDRESS: u8 = 0x87;
/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The parts of a certificate that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// The end of its validity, in seconds since 1970.
    pub(super) not_after: i64,
    /// The SIP domains that it speaks for: those of its `sip:` URIs, or without any its DNS names.
    /// Never a wildcard (RFC 5922 section 7.2), never the Common Name.
    pub(super) domains: Vec<Host>,
}

impl Certificate {
    /// Reads a certificate; `None` when it is none.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let (outer, _) = take(der, SEQUENCE)?;
        let (mut rest, _) = take(outer, SEQUENCE)?;
        if let Some((_, after)) = take(rest, VERSION) {
            rest = after;
        }
        // The serial number, the algorithm and the issuer.
        for _ in 0..3 {
            rest = next(rest)?.2;
        }
        let (validity, mut rest) = take(rest, SEQUENCE)?;
        let (tag, not_after, _) = next(next(validity)?.2)?;
        let not_after = seconds(tag, not_after)?;
        let mut names = &b""[..];
        while let Some((tag, value, after)) = next(rest) {
            if tag == EXTENSIONS {
                names = alternative_names(value).unwrap_or_default();
            }
            rest = after;
        }
        Some(Self { not_after, domains: domains(names) })
    }
}

/// The content of the extension that lists names.
fn alternative_names(extensions: &[u8]) -> Option<&[u8]> {
    let (mut rest, _) = take(extensions, SEQUENCE)?;
    while let Some((extension, after)) = take(rest, SEQUENCE) {
        rest = after;
        let (id, value) = take(extension, OBJECT_ID)?;
        if id != SUBJECT_ALT_NAME {
            continue;
        }
        // A flag may stand before the value.
        let value = if take(value, OCTET_STRING).is_some() { value } else { next(value)?.2 };
        return Some(take(take(value, OCTET_STRING)?.0, SEQUENCE)?.0);
    }
    None
}

fn domains(mut names: &[u8]) -> Vec<Host> {
    let (mut uris, mut others, mut has_uri) = (Vec::new(), Vec::new(), false);
    for _ in 0..MAX_NAMES {
        let Some((tag, value, after)) = next(names) else { break };
        names = after;
        match tag {
            URI => {
                if let Some(address) = sip_address(value) {
                    has_uri = true;
                    uris.extend(host(address));
                }
            }
            // Digits that look like an address are no name.
            DNS_NAME => others.extend(host(value).filter(|host| host.ip().is_none())),
            IP_ADDRESS => others.extend(ip(value).map(Host::Ip)),
            _ => {}
        }
    }
    if has_uri { uris } else { others }
}

/// What stands behind `sip:`; other schemes are none of ours.
fn sip_address(uri: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = uri.split_at_checked(4)?;
    scheme.eq_ignore_ascii_case(b"sip:").then_some(rest)
}

/// A name of a host and nothing else: a user in front of it, a port or a wildcard make it none.
fn host(text: &[u8]) -> Option<Host> {
    let text = std::str::from_utf8(text).ok()?;
    if text.contains(['@', '*', ';', '?']) || text.starts_with('.') {
        return None;
    }
    text.trim_end_matches('.').parse().ok()
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).into())
}

/// The first element if it has this tag: its content, and what follows it.
fn take(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, value, rest) = next(bytes)?;
    (tag == wanted).then_some((value, rest))
}

/// The first element: tag, content, and what follows it.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(*short), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((*tag, value, rest))
}

/// A time of a certificate (RFC 5280 section 4.1.2.5): `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn seconds(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => text.split_at_checked(2)?,
        GENERALIZED_TIME => text.split_at_checked(4)?,
        _ => return None,
    };
    let year: i16 = year.parse().ok()?;
    let year = match (tag, year) {
        (UTC_TIME, 50..) => 1900 + year,
        (UTC_TIME, _) => 2000 + year,
        _ => year,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let time =
        jiff::civil::DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0);
    let time = time.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    (rest.len() == 10).then(|| time.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn made(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.not_after = rcgen::date_time_ymd(2051, 3, 4);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn domains_of(names: Vec<SanType>) -> Vec<String> {
        let certificate = Certificate::parse(&made(names)).unwrap();
        certificate.domains.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn uris_of_sip_go_before_names_of_hosts() {
        let both = vec![dns("host.example.net"), uri("sip:Example.NET"), uri("sip:example.org")];
        let found = domains_of(both);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|name| !name.starts_with("host")), "{found:?}");
        let address = SanType::IpAddress("192.0.2.1".parse().unwrap());
        let hosts = vec![dns("host.example.net"), uri("https://example.net"), address];
        assert_eq!(domains_of(hosts), ["host.example.net", "192.0.2.1"]);
    }

    #[test]
    fn a_wildcard_and_a_user_are_no_domain() {
        assert_eq!(domains_of(vec![dns("*.example.net")]), Vec::<String>::new());
        // There is a URI of SIP, so that host names do not count, and it names no domain.
        let user = vec![uri("sip:alice@example.net"), dns("example.net")];
        assert_eq!(domains_of(user), Vec::<String>::new());
        assert_eq!(domains_of(Vec::new()), Vec::<String>::new());
    }

    #[test]
    fn the_end_of_the_validity_is_read_in_both_forms() {
        let late = Certificate::parse(&made(Vec::new())).unwrap();
        assert_eq!(late.not_after, 2_561_500_800);
        assert_eq!(seconds(UTC_TIME, b"260304050607Z"), Some(1_772_600_767));
        assert_eq!(seconds(UTC_TIME, b"990304050607Z"), Some(920_523_967));
        for bad in ["", "Z", "2603040506Z", "261304050607Z", "260304050607+0100", "26030405060708Z"]
        {
            assert_eq!(seconds(UTC_TIME, bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_is_cut_or_bent_is_no_certificate_and_no_panic() {
        let whole = made(vec![dns("example.net"), uri("sip:example.net")]);
        for end in 0..whole.len() {
            assert_eq!(Certificate::parse(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            for value in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut bent = whole.clone();
                bent[at] = value;
                drop(Certificate::parse(&bent));
            }
        }
    }
}
