//! Numbers and addresses as text, without the detours of a formatter.

use std::io::Write as _;
use std::net::IpAddr;

/// Appends a number in decimal.
pub fn put_decimal(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [b'0'; 10];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Appends an address as it stands in a URI or a `Via`: IPv6 in brackets.
pub fn put_host(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(_) => put_ip(out, ip),
        IpAddr::V6(_) => {
            out.push(b'[');
            put_ip(out, ip);
            out.push(b']');
        }
    }
}

/// Appends a bare address.
pub fn put_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (place, octet) in ip.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                put_decimal(out, octet.into());
            }
        }
        IpAddr::V6(ip) => {
            let written = write!(out, "{ip}");
            debug_assert!(written.is_ok(), "a buffer takes everything");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_read_as_a_formatter_writes_them() {
        for number in [0, 9, 10, 5060, 65_535, u32::MAX] {
            let mut out = Vec::new();
            put_decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
        for text in ["0.0.0.0", "192.0.2.1", "255.255.255.255", "::1", "2001:db8::9"] {
            let ip: IpAddr = text.parse().unwrap();
            let (mut bare, mut host) = (Vec::new(), Vec::new());
            put_ip(&mut bare, ip);
            put_host(&mut host, ip);
            assert_eq!(bare, ip.to_string().as_bytes());
            let host = String::from_utf8(host).unwrap();
            assert_eq!(host, if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() });
        }
    }
}
