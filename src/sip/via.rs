//! `Via`: where a request came from and where its responses go.

use std::net::SocketAddr;

use super::lanes;
use super::params::Params;
use super::scan::{find_outside, is_lws, number, trim, trim_end, trim_start};
use super::uri::{host_ip, host_port, host_port_of};

/// The port of SIP over UDP and TCP when none is written.
pub const DEFAULT_PORT: u16 = 5060;
/// The port that TLS has where none is said.
pub const DEFAULT_TLS_PORT: u16 = 5061;
/// What a branch of RFC 3261 begins with (section 8.1.1.7).
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// One `Via` value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, … as on the wire.
    pub transport: &'a [u8],
    /// The host of sent-by; IPv6 in brackets.
    pub host: &'a [u8],
    /// The port of sent-by, when one is written.
    pub port: Option<u16>,
    /// All parameters, `branch` among them.
    pub params: Params<'a>,
    pub(super) branch: Option<&'a [u8]>,
    pub(super) rport: bool,
}

impl<'a> Via<'a> {
    /// Parses the first value of a header line and gives what follows it: empty, or starting with a
    /// comma. Nothing when that value is malformed.
    pub fn parse_first(line: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (transport, rest) = match line.strip_prefix(b"SIP/2.0/") {
            Some(rest) => token(rest)?,
            None => spaced(line)?,
        };
        if !rest.first().is_some_and(|byte| is_lws(*byte)) {
            return None;
        }
        let (host, port, rest) = sent_by(trim_start(rest))?;
        let end = match lanes::find(rest, lanes::byte(b',')) {
            Some(_) => find_outside(rest, lanes::byte(b',')).ok()?.unwrap_or(rest.len()),
            None => rest.len(),
        };
        let (params, rest) = rest.split_at_checked(end)?;
        let mut via = Self { transport, host, port, ..Self::default() };
        via.params = Params::header(params, |name, value| {
            if via.branch.is_none() && name.eq_ignore_ascii_case(b"branch") {
                via.branch = value.or_else(|| name.get(name.len()..));
            }
            via.rport |= name.eq_ignore_ascii_case(b"rport");
        })?;
        Some((via, rest))
    }

    /// The branch; nothing from elements older than RFC 3261.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.branch
    }

    /// Whether the sender asks for the response on the port it sent from (RFC 3581).
    pub fn wants_rport(&self) -> bool {
        self.rport
    }

    /// Where the response to a request from `source` goes over UDP: always to the address it came
    /// from; to the port it came from when it asked for that, else to the port of sent-by
    /// (RFC 3261 section 18.2.2, RFC 3581 section 4). `maddr` is not followed: it would let anyone
    /// aim our responses at a third party.
    pub fn response_target(&self, source: SocketAddr) -> SocketAddr {
        let sent_by = self.port.unwrap_or(DEFAULT_PORT);
        let port = if self.wants_rport() { source.port() } else { sent_by };
        SocketAddr::new(source.ip(), port)
    }

    /// Whether `received` has to be added for a request from `source`.
    pub(crate) fn needs_received(&self, source: SocketAddr) -> bool {
        self.wants_rport() || host_ip(self.host) != Some(source.ip())
    }
}

/// `SIP / 2.0 / UDP` up to the host: blanks are allowed around each slash (RFC 3261 section 25.1), and
/// any case.
fn spaced(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = token(line)?;
    let (version, rest) = token(slash(rest)?)?;
    let transport = token(slash(rest)?)?;
    (name.eq_ignore_ascii_case(b"SIP") && version == b"2.0").then_some(transport)
}

fn token(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let value = trim_start(value);
    let end = lanes::run(value, lanes::token);
    (end > 0).then(|| value.split_at_checked(end)).flatten()
}

fn slash(value: &[u8]) -> Option<&[u8]> {
    trim_start(value).strip_prefix(b"/")
}

/// `host [":" port]`, where blanks around the colon are allowed, and what follows it: nothing, or a
/// semicolon or comma and more.
fn sent_by(value: &[u8]) -> Option<(&[u8], Option<u16>, &[u8])> {
    let plain = host_port_of(value);
    if let Some((_, _, [] | [b';' | b',', ..])) = plain {
        return plain;
    }
    let end = lanes::find(value, lanes::either(b';', b',')).unwrap_or(value.len());
    let (sent_by, rest) = value.split_at_checked(end)?;
    let sent_by = trim(sent_by);
    if let Some((host, port)) = host_port(sent_by) {
        return Some((host, port, rest));
    }
    let colon = memchr::memrchr(b':', sent_by)?;
    let (host, port) = sent_by.split_at_checked(colon)?;
    let (host, None) = host_port(trim_end(host))? else {
        return None;
    };
    Some((host, Some(u16::try_from(number(trim(port.get(1..)?))?).ok()?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_folds_are_allowed_everywhere() {
        let line =
            b"SIP  / 2.0\r\n /UDP\r\n   192.0.2.2 : 5070;branch\r\n = z9hG4bK1 , SIP/2.0/TCP h";
        let (via, rest) = Via::parse_first(line).unwrap();
        assert_eq!(
            (via.transport, via.host, via.port),
            (&b"UDP"[..], &b"192.0.2.2"[..], Some(5070))
        );
        assert_eq!(via.branch(), Some(&b"z9hG4bK1"[..]));
        assert_eq!(rest, b", SIP/2.0/TCP h");
    }

    #[test]
    fn ipv6_in_sent_by_and_received_is_read() {
        let line = b"SIP/2.0/UDP [2001:db8::9]:5061;received=2001:db8::1;branch=z9hG4bKas3";
        let (via, _) = Via::parse_first(line).unwrap();
        assert_eq!((via.host, via.port), (&b"[2001:db8::9]"[..], Some(5061)));
        assert_eq!(via.params.get("received"), Some(&b"2001:db8::1"[..]));
    }

    #[test]
    fn malformed_values_are_refused() {
        for bad in [
            &b""[..],
            b"SIP/2.0/UDP",
            b"SIP/2.0/UDPhost",
            b"SIP/7.0/UDP h",
            b"SIP/2.0/UDP h;;,;,,",
            b"SIP/2.0/UDP h:x",
            b"SIP/2.0/UDP ;branch=1",
            b"HTTP/2.0/UDP h",
        ] {
            assert_eq!(Via::parse_first(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn a_response_goes_to_the_source_and_to_rport_only_when_asked() {
        let source: SocketAddr = "198.51.100.7:40000".parse().unwrap();
        let target = |line: &str| {
            Via::parse_first(line.as_bytes()).unwrap().0.response_target(source).to_string()
        };
        assert_eq!(target("SIP/2.0/UDP 10.0.0.1:5070;rport"), "198.51.100.7:40000");
        assert_eq!(target("SIP/2.0/UDP 10.0.0.1:5070"), "198.51.100.7:5070");
        assert_eq!(target("SIP/2.0/UDP 10.0.0.1;maddr=224.2.0.1"), "198.51.100.7:5060");
    }
}
