//! When two trunks are links to the same provider.

use super::spec::Trunk;
use super::value::{Cidr, Host};

impl Trunk {
    /// The addresses that packets of this trunk come from, as far as the manifest says them: the
    /// host, when it is an address, then the associated ones.
    pub fn source_addresses(&self) -> impl Iterator<Item = Cidr> + '_ {
        let host = self.host().and_then(Host::ip).map(Cidr::host);
        host.into_iter().chain(self.associated_ips().iter().copied())
    }

    /// Whether both have an address that packets may come from, or the same host.
    pub fn shares_address(&self, other: &Self) -> bool {
        let meets = |one: Cidr| other.source_addresses().any(|two| one.intersects(two));
        let same = self.host().is_some() && self.host() == other.host();
        same || self.source_addresses().any(meets)
    }

    /// Whether both belong to one provider: equal `provider` keys where both have one and nothing
    /// else; otherwise the same brand other than generic (regions folded), the same host or
    /// intersecting addresses.
    pub fn same_provider(&self, other: &Self) -> bool {
        match (&self.provider, &other.provider) {
            (Some(one), Some(two)) => one == two,
            _ => {
                let brand = !self.brand.is_generic() && self.brand.key() == other.brand.key();
                brand || self.shares_address(other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(provider: Option<&str>, host: &str, associated: &[&str]) -> Trunk {
        serde_json::from_value(serde_json::json!({
            "type": "ip", "provider": provider, "host": host, "associatedIps": associated
        }))
        .unwrap()
    }

    #[test]
    fn keys_decide_alone_where_both_have_one() {
        let one = trunk(Some("x"), "10.0.0.1", &[]);
        assert!(one.same_provider(&trunk(Some("x"), "10.0.0.2", &[])));
        assert!(!one.same_provider(&trunk(Some("y"), "10.0.0.1", &[])));
        assert!(one.same_provider(&trunk(None, "10.0.0.1", &[])));
    }

    #[test]
    fn addresses_that_intersect_mean_one_provider() {
        let one = trunk(None, "10.0.0.1", &["192.0.2.0/24"]);
        assert!(one.same_provider(&trunk(None, "192.0.2.7", &[])));
        assert!(one.same_provider(&trunk(None, "sip.x", &["10.0.0.0/8"])));
        assert!(!one.same_provider(&trunk(None, "192.0.3.1", &["192.0.4.0/24"])));
        assert!(trunk(None, "sip.x", &[]).same_provider(&trunk(None, "SIP.x", &[])));
    }
}
