//! Addresses: `sip:`, `sips:`, `tel:` and whatever else a scheme names.

use std::borrow::Cow;
use std::net::IpAddr;

use super::lanes;
use super::params::Params;
use super::scan::split_once;

/// The scheme of a [`Uri`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    #[default]
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// Any other; a request to it is answered 416.
    Other,
}

/// A URI, sliced from the message. For schemes other than `sip`, `sips` and `tel` only `raw` is
/// filled; for `tel` the subscriber number is `user`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The whole of it, as on the wire.
    pub raw: &'a [u8],
    /// What comes before the first colon.
    pub scheme: Scheme,
    /// The user, still escaped; of `tel:` the number.
    pub user: Option<&'a [u8]>,
    /// What stands between the user's colon and the `@`, still escaped.
    pub password: Option<&'a [u8]>,
    /// A name or address; IPv6 in brackets.
    pub host: &'a [u8],
    /// The port, when one is written.
    pub port: Option<u16>,
    /// `;transport=udp;lr` and so on.
    pub params: Params<'a>,
    /// What follows `?`, without it, still escaped.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Whether it is one that requests can be sent to: `sip:` or `sips:`.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// Parses a whole URI; nothing when it is malformed.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        match raw {
            [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', rest @ ..] => {
                return Self::sip(raw, Scheme::Sip, rest);
            }
            [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', rest @ ..] => {
                return Self::sip(raw, Scheme::Sips, rest);
            }
            _ => {}
        }
        let (scheme, rest) = split_once(raw, b':')?;
        if rest.is_empty() || lanes::find(raw, lanes::not_uri).is_some() || !is_scheme(scheme) {
            return None;
        }
        let uri = Self { raw, ..Self::default() };
        if scheme.eq_ignore_ascii_case(b"tel") {
            return uri.tel(rest);
        }
        Some(Self { scheme: Scheme::Other, ..uri })
    }

    /// The user with its `%` escapes resolved; an escape that is none stays as it is.
    pub fn user_decoded(&self) -> Option<Cow<'a, [u8]>> {
        self.user.map(unescape)
    }

    /// The user, and all that follows its `@` or the scheme, without headers.
    pub fn user_and_rest(&self) -> (&'a [u8], &'a [u8]) {
        let end = self.raw.len() - self.headers.len();
        let bare = self.raw.get(..end).unwrap_or(self.raw);
        let bare = bare.strip_suffix(b"?").unwrap_or(bare);
        let (_, rest) = split_once(bare, b':').unwrap_or((b"", bare));
        let rest = match self.user {
            Some(_) => split_once(rest, b'@').map_or(rest, |(_, rest)| rest),
            None => rest,
        };
        (self.user.unwrap_or_default(), rest)
    }

    /// Where a request to it goes: its `maddr`, or else its host (RFC 3263 section 4).
    pub fn target(&self) -> &'a [u8] {
        self.params.get("maddr").unwrap_or(self.host)
    }

    /// The same as an address, when it is one.
    pub fn target_ip(&self) -> Option<IpAddr> {
        host_ip(self.target())
    }

    /// The host as an address, when it is one.
    pub fn host_ip(&self) -> Option<IpAddr> {
        host_ip(self.host)
    }

    fn sip(raw: &'a [u8], scheme: Scheme, rest: &'a [u8]) -> Option<Self> {
        let (user, password, rest) = user_info(rest)?;
        let (host, port, tail) = host_port_of(rest)?;
        let (params, headers) = match tail {
            [] => (Params::default(), tail),
            [b';' | b'?', ..] => params_headers(tail)?,
            _ => return None,
        };
        Some(Self { raw, scheme, user, password, host, port, params, headers })
    }

    fn tel(self, rest: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let (number, params) = rest.split_at_checked(end)?;
        if !are_named(params) {
            return None;
        }
        let dialled = |byte: &u8| {
            byte.is_ascii_hexdigit()
                || matches!(byte, b'+' | b'-' | b'.' | b'(' | b')' | b'*' | b'#' | b'%')
        };
        (!number.is_empty() && number.iter().all(dialled)).then_some(Self {
            scheme: Scheme::Tel,
            user: Some(number),
            params: Params::unchecked(params),
            ..self
        })
    }
}

/// The user and the password before the first `@`, if there is one, and what follows it. A user may
/// contain `;`, `?` and `/`, so the `@` decides before those (RFC 4475 section 3.1.1.13).
fn user_info(value: &[u8]) -> Option<UserInfo<'_>> {
    let ends = |chunk| lanes::not_uri(chunk) | lanes::either(b':', b'@')(chunk);
    let (user, rest) = value.split_at_checked(lanes::find(value, ends).unwrap_or(value.len()))?;
    let (password, rest) = match rest {
        [b'@', rest @ ..] => (None, rest),
        // A colon, which may as well be that of a port.
        _ => match (lanes::find(rest, lanes::byte(b'@')), rest) {
            (None, _) => return Some((None, None, value)),
            (Some(at), [b':', ..]) => (Some(rest.get(1..at)?), rest.get(at + 1..)?),
            (Some(_), _) => return None,
        },
    };
    let sound = |password| lanes::find(password, lanes::not_uri).is_none();
    (!user.is_empty() && password.is_none_or(sound)).then_some((Some(user), password, rest))
}

/// User, password, rest.
type UserInfo<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [u8]);

/// The parameters and headers of what follows the host: every parameter has a name.
fn params_headers(tail: &[u8]) -> Option<(Params<'_>, &[u8])> {
    let end = match lanes::find(tail, |chunk| lanes::not_uri(chunk) | lanes::byte(b'?')(chunk)) {
        Some(end) if tail.get(end) == Some(&b'?') => end,
        Some(_) => return None,
        None => tail.len(),
    };
    let (params, headers) = tail.split_at_checked(end)?;
    let sound = are_named(params) && lanes::find(headers, lanes::not_uri).is_none();
    sound.then_some((Params::unchecked(params), headers.get(1..).unwrap_or_default()))
}

/// Whether every parameter has a name.
fn are_named(params: &[u8]) -> bool {
    params.last() != Some(&b';')
        && !lanes::pair(params, lanes::byte(b';'), lanes::either(b';', b'='))
}

/// `value` with every `%XX` resolved (RFC 3261 section 19.1.2); a `%` without two hexadecimal digits
/// stays.
pub fn unescape(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let escaped = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high * 16 + low, after))
            }
            _ => None,
        };
        match escaped {
            Some((byte, after)) => {
                out.push(byte);
                rest = after;
            }
            None => out.push(*first),
        }
    }
    Cow::Owned(out)
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(crate) fn host_port(value: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, port, rest) = host_port_of(value)?;
    rest.is_empty().then_some((host, port))
}

/// The host and port that `value` begins with, and what follows them.
#[inline(always)]
pub(super) fn host_port_of(value: &[u8]) -> Option<(&[u8], Option<u16>, &[u8])> {
    let host_len = match value.first() {
        Some(b'[') => memchr::memchr(b']', value)? + 1,
        _ => lanes::run(value, lanes::host),
    };
    let (host, rest) = value.split_at_checked(host_len)?;
    if host.is_empty() || (host.starts_with(b"[") && !matches!(host_ip(host), Some(IpAddr::V6(_))))
    {
        return None;
    }
    let Some(digits) = rest.strip_prefix(b":") else {
        return Some((host, None, rest));
    };
    let (port, rest) = port_of(digits)?;
    Some((host, Some(port), rest))
}

/// The port that `value` begins with, and what follows it.
fn port_of(value: &[u8]) -> Option<(u16, &[u8])> {
    let mut port = 0_u16;
    let mut rest = value;
    while let Some((digit @ b'0'..=b'9', tail)) = rest.split_first() {
        port = port.checked_mul(10)?.checked_add(u16::from(digit - b'0'))?;
        rest = tail;
    }
    (rest.len() < value.len()).then_some((port, rest))
}

/// The address that `host` spells, IPv6 with or without brackets.
pub(crate) fn host_ip(host: &[u8]) -> Option<IpAddr> {
    let bare = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(host);
    let text = std::str::from_utf8(bare).ok()?;
    text.parse().ok().or_else(|| three_colons(text))
}

/// `2001:db8:::192.0.2.1`: the grammar of RFC 3261 lets a third colon stand before the IPv4 address of
/// an IPv6 one, and who sends it has to be understood (RFC 5118 section 4.10).
fn three_colons(text: &str) -> Option<IpAddr> {
    let (left, right) = text.split_once(":::")?;
    let v4: std::net::Ipv4Addr = right.parse().ok()?;
    format!("{left}::{v4}").parse().ok()
}

fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_sip_uri_falls_into_its_parts() {
        let uri = Uri::parse(b"SIPS:al%69ce:s%40cret@[2001:db8::1]:5071;lr;x=1?Subject=a").unwrap();
        assert_eq!(uri.scheme, Scheme::Sips);
        assert_eq!(uri.user_decoded().unwrap().as_ref(), b"alice");
        assert_eq!(uri.password, Some(&b"s%40cret"[..]));
        assert_eq!(uri.host, b"[2001:db8::1]");
        assert_eq!(uri.host_ip(), Some("2001:db8::1".parse().unwrap()));
        assert_eq!(uri.port, Some(5071));
        assert!(uri.params.has("LR"));
        assert_eq!(uri.params.get("x"), Some(&b"1"[..]));
        assert_eq!(uri.headers, b"Subject=a");
    }

    #[test]
    fn tel_and_unknown_schemes_are_told_apart() {
        let tel = Uri::parse(b"tel:+49-30-123;phone-context=example.com").unwrap();
        assert_eq!((tel.scheme, tel.user), (Scheme::Tel, Some(&b"+49-30-123"[..])));
        assert_eq!(tel.params.get("phone-context"), Some(&b"example.com"[..]));
        assert_eq!(Uri::parse(b"soap.beep://192.0.2.103:3002").unwrap().scheme, Scheme::Other);
    }

    #[test]
    fn malformed_uris_are_refused() {
        for bad in [
            &b""[..],
            b"sip",
            b"sip:",
            b"sip:@host",
            b"sip:host:",
            b"sip:host:70000",
            b"sip:ho st",
            b"sip:[::1",
            b"sip:[host]",
            b"sip:[2001:db8:::1]",
            b"sip:[2001::db8:::192.0.2.1]",
            b"<sip:a@b>",
            b"sip:a@",
            b"sip:a@b;;lr",
            b"tel:",
            b"tel:abcxyz",
            b"9sip:a@b",
            b"sip:a@b;",
        ] {
            assert_eq!(Uri::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn an_escape_that_is_none_stays() {
        assert_eq!(unescape(b"100%2").as_ref(), b"100%2");
        assert_eq!(unescape(b"%zz%41%00").as_ref(), b"%zzA\0");
    }
}
