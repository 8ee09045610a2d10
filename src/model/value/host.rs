//! Hosts, address ranges and SIP targets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::text_value;

/// A host: an IP address, or a DNS name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An address; in text IPv6 may stand in brackets.
    Ip(IpAddr),
    /// A DNS name of at most 253 characters.
    Name(String),
}

impl Host {
    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self::Ip(ip));
        }
        // A name whose last label is digits would be a mistyped address (RFC 1123 section 2.1).
        let label = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let last = text.rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
        if text.len() <= 253 && !numeric && text.split('.').all(label) {
            return Ok(Self::Name(text.to_ascii_lowercase()));
        }
        Err(format!("`{text}` is neither an IP address nor a host name"))
    }
}

text_value!(Host, {
    "type": "string",
    "description": "An IP address or a DNS name",
    "examples": ["203.0.113.10", "sip.example.net"]
});

/// A range of addresses, `198.51.100.0/24`; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    network: IpAddr,
    bits: u8,
}

impl Cidr {
    /// One address.
    pub fn host(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self { network: ip, bits: if ip.is_ipv4() { 32 } else { 128 } }
    }

    /// The range of a prefix length that an address is in.
    pub fn around(ip: IpAddr, bits: u8) -> Self {
        let whole = Self::host(ip);
        let bits = bits.min(whole.bits);
        Self { network: mask(whole.network, bits), bits }
    }

    /// First address.
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// Length of the prefix.
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// Whether it holds the address; IPv4-mapped IPv6 counts as IPv4.
    pub fn contains(self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.network.is_ipv4() && mask(ip, self.bits) == self.network
    }

    /// Whether both hold an address.
    pub fn intersects(self, other: Self) -> bool {
        if self.bits <= other.bits {
            self.contains(other.network)
        } else {
            other.contains(self.network)
        }
    }
}

/// The address with all bits behind the prefix cleared.
fn mask(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let keep = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & keep))
        }
        IpAddr::V6(ip) => {
            let keep = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & keep))
        }
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not an address or a range like `198.51.100.0/24`");
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| error());
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u8 = bits.parse().ok().filter(|_| plain).ok_or_else(error)?;
        if bits > if address.is_ipv4() { 32 } else { 128 } {
            return Err(error());
        }
        let network = mask(address, bits);
        if network != address {
            return Err(format!(
                "`{text}` has bits set behind its prefix: write `{network}/{bits}`"
            ));
        }
        Ok(Self { network, bits })
    }
}

text_value!(Cidr, {
    "type": "string",
    "description": "An IP address or a CIDR range",
    "examples": ["198.51.100.0/24"]
});

/// A host with an optional port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port; `None` is the scheme's default.
    pub port: Option<u16>,
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bracket = text.rfind(']').map_or(0, |at| at + 1);
        let tail = text.get(bracket..).unwrap_or_default();
        let Some(colon) = tail.rfind(':').map(|at| bracket + at) else {
            return Ok(Self { host: text.parse()?, port: None });
        };
        let (host, port) = text.split_at(colon);
        let digits = port.get(1..).unwrap_or_default();
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let port: Option<u16> = digits.parse().ok().filter(|port| plain && *port != 0);
        let port = port.ok_or_else(|| format!("`{digits}` is not a port: 1 to 65535"))?;
        Ok(Self { host: host.parse()?, port: Some(port) })
    }
}

/// A `sip:` URI as a manifest writes it: optional user (which may hold `{did}` and `{caller}`),
/// host, port and parameters. Parameters are kept as written; headers (`?…`), passwords and the
/// `sips:` scheme are refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SipTarget {
    /// The user part, without `@`.
    pub user: Option<String>,
    /// Where to send.
    pub host_port: HostPort,
    /// The parameters with their leading `;`, or empty.
    pub parameters: String,
}

impl std::fmt::Display for SipTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sip:")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}{}", self.host_port, self.parameters)
    }
}

impl FromStr for SipTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scheme = text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sip:"));
        let rest = text.get(4..).filter(|_| scheme);
        let rest =
            rest.ok_or_else(|| format!("`{text}` is not a SIP URI: it begins with `sip:`"))?;
        let odd = |byte: u8| matches!(byte, 0..=b' ' | b'<' | b'>' | b'"' | b'?' | 0x7f);
        let wide = |c: char| c.is_whitespace() || c.is_control();
        if rest.bytes().any(odd) || (!rest.is_ascii() && rest.contains(wide)) {
            return Err(format!(
                "`{text}` holds a blank or one of <>\"?, which a SIP URI here may not"
            ));
        }
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        if let Some(user) = user
            && (user.is_empty() || !user.is_ascii() || user.contains([':', ';', '@']))
        {
            return Err(match user.split_once(':') {
                Some((user, _)) => format!("a password after `{user}` may not stand in this URI"),
                None => format!("`{user}` is not the user part of a SIP URI"),
            });
        }
        let end = rest.find(';').unwrap_or(rest.len());
        let (host_port, parameters) = rest.split_at(end);
        if !parameters.is_ascii() {
            return Err(format!("`{parameters}` has a character outside ASCII"));
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host_port: host_port.parse()?,
            parameters: parameters.to_owned(),
        })
    }
}

text_value!(SipTarget, {
    "type": "string",
    "pattern": "^[sS][iI][pP]:",
    "description": "A SIP URI",
    "examples": ["sip:192.0.2.20:5060"]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_names() {
        assert_eq!("[::1]".parse::<Host>().unwrap().to_string(), "[::1]");
        assert_eq!("SIP.Example.net".parse::<Host>().unwrap().to_string(), "sip.example.net");
        for bad in ["", "1.2.3", "1.2.3.400", "a..b", "-a.b", "a b", "ä.example"] {
            assert!(bad.parse::<Host>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_hold_their_addresses() {
        let range: Cidr = "10.1.0.0/16".parse().unwrap();
        assert!(range.contains("10.1.255.1".parse().unwrap()));
        assert!(range.contains("::ffff:10.1.0.1".parse().unwrap()));
        assert!(!range.contains("10.2.0.1".parse().unwrap()));
        assert!(range.intersects("10.1.2.3".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().intersects(range));
        assert!("::/0".parse::<Cidr>().unwrap().contains("fe80::1".parse().unwrap()));
        for bad in ["10.1.2.3/16", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "x"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sip_targets_print_as_they_were_read() {
        for text in ["sip:10.0.0.1", "sip:pbx@10.0.0.1:5070;transport=udp", "sip:{did}@[::1]:5060"]
        {
            assert_eq!(text.parse::<SipTarget>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "sips:a@b.c",
            "sip:",
            "sip:@h.x",
            "sip:a:pw@h.x",
            "sip:a@h.x:0",
            "sip:a@h.x?X=1",
            "sip:a@h.x:+5",
        ] {
            assert!(bad.parse::<SipTarget>().is_err(), "{bad}");
        }
    }
}
