//! Forms on the way: a resource that lets go of what another one takes, but stays for its users.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::model::value::Host;
use crate::model::{Resource, ResourceSet, Spec, Tenant, Transport, Trunk};

/// How many values are tried for a form on the way. More contested resources of one kind in one
/// change than this are taken out and created again instead.
const MAX_TRIED: u32 = 65_535;

/// Values that neither state uses, each handed out once.
#[derive(Debug, Default)]
pub(super) struct Spare {
    used_ports: BTreeSet<u16>,
    used_hosts: BTreeSet<Host>,
}

impl Spare {
    /// Everything that the two states use is taken.
    pub(super) fn beside(live: &ResourceSet, desired: &ResourceSet) -> Self {
        let sets = [live, desired];
        let ports = sets.iter().flat_map(|set| set.transports()).map(|(_, spec)| spec.port);
        let domains = sets.iter().flat_map(|set| set.tenants());
        let domains = domains.map(|(_, spec)| spec.sip_domain.clone());
        Self { used_ports: ports.collect(), used_hosts: domains.collect() }
    }

    /// The transport on a port that nobody uses.
    pub(super) fn transport(
        &mut self,
        resource: &Resource,
        spec: &Transport,
    ) -> Option<Arc<Resource>> {
        let port = (1024..=u16::MAX).rev().find(|port| !self.used_ports.contains(port))?;
        self.used_ports.insert(port);
        Some(resource.with(Spec::Transport(Transport { port, ..spec.clone() })))
    }

    /// The tenant with a SIP domain that nobody uses; `.invalid` never resolves (RFC 6761).
    pub(super) fn tenant(&mut self, resource: &Resource, spec: &Tenant) -> Option<Arc<Resource>> {
        let name = &resource.metadata.name;
        let domains = (0..MAX_TRIED).map(|n| Host::Name(format!("{name}.aside-{n}.invalid")));
        let sip_domain = domains.into_iter().find(|host| !self.used_hosts.contains(host))?;
        self.used_hosts.insert(sip_domain.clone());
        Some(resource.with(Spec::Tenant(Box::new(Tenant { sip_domain, ..spec.clone() }))))
    }

    /// The trunk, off, at a reserved address (240.0.0.0/4, RFC 1112 section 4) that no trunk has.
    pub(super) fn trunk(
        &mut self,
        resource: &Resource,
        spec: &Trunk,
        sets: [&ResourceSet; 2],
    ) -> Option<Arc<Resource>> {
        let first = u32::from(Ipv4Addr::new(240, 0, 0, 1));
        let aside = |n: u32| Trunk {
            host: Some(Host::Ip(IpAddr::V4(Ipv4Addr::from_bits(first + n)))),
            provider: None,
            enabled: false,
            associated_ips: Some(Vec::new()),
            ..spec.clone()
        };
        let taken = |trunk: &Trunk| {
            let mut all = sets.iter().flat_map(|set| set.trunks());
            let used = trunk.host().is_some_and(|host| self.used_hosts.contains(host));
            used || all.any(|(_, one)| one.shares_address(trunk))
        };
        let trunk = (0..MAX_TRIED).map(aside).find(|trunk| !taken(trunk))?;
        self.used_hosts.extend(trunk.host.clone());
        Some(resource.with(Spec::Trunk(Box::new(trunk))))
    }
}
