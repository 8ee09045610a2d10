//! Whose certificate is it: the trunks by the SIP domain that a far end has proven to speak for.

use std::collections::BTreeMap;

use super::table::{Table, TransportIndex, TrunkIndex};
use crate::model::Protocol;
use crate::model::value::Host;

/// Trunks on TLS by listener and host, built once per table; enabled ones come before disabled ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DomainIndex(BTreeMap<TransportIndex, BTreeMap<Host, Vec<TrunkIndex>>>);

impl DomainIndex {
    pub(super) fn build(table: &Table) -> Self {
        let mut index = Self::default();
        for enabled in [true, false] {
            for (number, trunk) in table.trunks().filter(|(_, one)| one.spec.enabled == enabled) {
                let (Some(transport), Some(host)) = (trunk.transport, trunk.spec.host()) else {
                    continue;
                };
                let listener = table.transport(transport);
                if listener.is_some_and(|listener| listener.protocol == Protocol::Tls) {
                    let hosts = index.0.entry(transport).or_default();
                    hosts.entry(host.clone()).or_default().push(number);
                }
            }
        }
        index
    }
}

impl Table {
    /// The trunks of a TLS listener whose host is the first of these domains that is any trunk's.
    pub fn trunks_of_domains(&self, transport: TransportIndex, domains: &[Host]) -> &[TrunkIndex] {
        let Some(hosts) = self.domains.0.get(&transport) else { return &[] };
        let found = domains.iter().find_map(|domain| hosts.get(domain));
        found.map_or(&[], Vec::as_slice)
    }

    /// Whether a certificate may make somebody a trunk of this listener.
    pub fn knows_domains(&self, transport: TransportIndex) -> bool {
        self.domains.0.contains_key(&transport)
    }
}
