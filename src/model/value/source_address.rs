//! Where a packet comes from, as a person names it.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::text_value;

/// An address that a call comes from, with its port or any: `203.0.113.10`, `[2001:db8::1]:5060`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceAddress {
    /// The address.
    pub ip: IpAddr,
    /// The port, 1 to 65535; absent: that of SIP.
    pub port: Option<u16>,
}

impl SourceAddress {
    /// The address with its port, or with 5060.
    pub fn socket(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(5060))
    }
}

impl FromStr for SourceAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self { ip, port: None });
        }
        let address = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
        let address = address.ok_or_else(|| format!("`{text}` is not a source address"))?;
        Ok(Self { ip: address.ip(), port: Some(address.port()) })
    }
}

impl std::fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

text_value!(SourceAddress, {
    "type": "string",
    "pattern": "^[0-9A-Fa-f.:\\[\\]]{2,54}$",
    "description": "An IP address that a call comes from, with its port or without",
    "examples": ["203.0.113.10:5060", "203.0.113.10"]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed() {
        for (text, printed) in [
            ("203.0.113.10", Some("203.0.113.10")),
            ("203.0.113.10:5062", Some("203.0.113.10:5062")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:5062", Some("[2001:db8::1]:5062")),
            ("999.1.1.1:99999", None),
            ("203.0.113.10:0", None),
            ("sip.example.net", None),
            ("1.5", None),
            ("", None),
        ] {
            let read = text.parse::<SourceAddress>().ok();
            assert_eq!(read.map(|one| one.to_string()).as_deref(), printed, "{text}");
        }
    }
}
