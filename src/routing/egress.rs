//! Which addresses a listener may send to (engine.md section 2, egress policy).

use std::net::IpAddr;

use super::table::TransportEntry;
use crate::model::value::Host;

/// Whether `transport` may send to `target`. Loopback talks to loopback only. A private target
/// needs a private transport, or an unspecified bind without a public address (the system then
/// picks the local address), or a target that a System Admin wrote (`trusted`: a system trunk).
pub(super) fn permits(transport: &TransportEntry, target: IpAddr, trusted: bool) -> bool {
    let target = target.to_canonical();
    let bind = transport.bind.ip().to_canonical();
    let one_family = bind.is_ipv4() == target.is_ipv4() || bind == IpAddr::from([0_u16; 8]);
    if !one_family || target.is_unspecified() || target.is_multicast() {
        return false;
    }
    if target.is_loopback() || bind.is_loopback() {
        return target.is_loopback() && bind.is_loopback();
    }
    let public = transport.public_address.as_ref().and_then(Host::ip);
    let unnamed = bind.is_unspecified() && transport.public_address.is_none();
    !is_private(target) || trusted || unnamed || is_private(bind) || public.is_some_and(is_private)
}

/// RFC 1918, RFC 6598, link-local and unique local addresses.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_private() || ip.is_link_local() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(bind: &str, public: Option<&str>) -> TransportEntry {
        TransportEntry {
            id: crate::model::ResourceId::system(
                crate::model::Kind::Transport,
                "udp".parse().unwrap(),
            ),
            protocol: crate::model::Protocol::Udp,
            bind: bind.parse().unwrap(),
            public_address: public.map(|host| host.parse().unwrap()),
        }
    }

    #[test]
    fn loopback_and_private_targets_need_their_like() {
        let allowed = |bind, public, target: &str, trusted| {
            permits(&transport(bind, public), target.parse().unwrap(), trusted)
        };
        assert!(allowed("127.0.0.1:5060", None, "127.0.0.9", false));
        assert!(!allowed("0.0.0.0:5060", None, "127.0.0.1", true));
        assert!(!allowed("127.0.0.1:5060", None, "192.0.2.1", true));
        assert!(allowed("0.0.0.0:5060", None, "10.0.0.1", false));
        assert!(!allowed("0.0.0.0:5060", Some("sbc.example.net"), "10.0.0.1", false));
        assert!(allowed("0.0.0.0:5060", Some("sbc.example.net"), "10.0.0.1", true));
        assert!(!allowed("203.0.113.1:5060", None, "100.64.0.1", false));
        assert!(allowed("203.0.113.1:5060", None, "198.51.100.1", false));
        assert!(!allowed("203.0.113.1:5060", None, "2001:db8::1", true));
    }
}
