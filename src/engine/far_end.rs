//! Who has to be at the far end of a TLS connection, and whose certificates were seen: numbers for
//! the rim, which makes connections and checks names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::context::Context;
use crate::model::ResourceId;
use crate::model::value::Host;
use crate::routing::{Attempt, Source, Table, Target, TrunkEntry};
use crate::sip::Uri;
use crate::transaction::{ConnectionId, FarEnd, Flow};

/// Far ends that have a number at the same time; the oldest loses its own. Who lost it is known by
/// the address, as the target of an unnamed contact is.
const MAX_FAR_ENDS: usize = 65_536;

/// A SIP domain, and the trunk whose own certificate is shown there.
pub(super) type Wanted = (Host, Option<ResourceId>);

/// The far ends by their numbers.
#[derive(Debug, Default)]
pub(super) struct FarEnds {
    numbers: BTreeMap<Wanted, FarEnd>,
    wanted: BTreeMap<FarEnd, Wanted>,
    last: u32,
}

impl FarEnds {
    pub(super) fn get(&self, number: FarEnd) -> Option<&Wanted> {
        self.wanted.get(&number)
    }

    fn number(&mut self, wanted: Wanted) -> FarEnd {
        if let Some(known) = self.numbers.get(&wanted) {
            return *known;
        }
        if self.wanted.len() >= MAX_FAR_ENDS
            && let Some((_, oldest)) = self.wanted.pop_first()
        {
            self.numbers.remove(&oldest);
        }
        self.last = (self.last + 1) % FarEnd::COMER.0;
        self.last = self.last.max(1);
        let number = FarEnd(self.last);
        self.numbers.insert(wanted.clone(), number);
        self.wanted.insert(number, wanted);
        number
    }
}

/// The SIP domains that verified certificates speak for, by their connection.
#[derive(Debug, Default)]
pub(super) struct Vouched(BTreeMap<ConnectionId, Vec<Host>>);

impl Vouched {
    /// A connection's domains; without any, or when it is gone, it is forgotten.
    pub(super) fn set(&mut self, connection: ConnectionId, domains: Vec<Host>) {
        if domains.is_empty() {
            self.0.remove(&connection);
        } else {
            self.0.insert(connection, domains);
        }
    }

    /// Those of a flow's own connection.
    fn of(&self, flow: Flow) -> &[Host] {
        let found = flow.link.connection().and_then(|connection| self.0.get(&connection));
        found.map_or(&[][..], Vec::as_slice)
    }
}

/// Whether somebody may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The address is somebody's.
    Known,
    /// A phone may be there, which registers from anywhere.
    ToRegister,
    /// A certificate may say whose it is.
    ByCertificate,
    /// Nobody, who is told so once.
    ToBeTold,
    /// Nobody; counted.
    Refused,
}

impl Context {
    /// A flow to a trunk, with who has to be there: the first hop's domain. Only TLS can tell.
    pub(super) fn towards_trunk(&mut self, flow: Flow, trunk: &TrunkEntry) -> Flow {
        if !flow.link.is_secure() {
            return flow;
        }
        let proxy = trunk.spec.outbound_proxy.as_ref().map(|proxy| &proxy.host);
        let Some(host) = proxy.or_else(|| trunk.spec.host()).cloned() else { return flow };
        let own = trunk.spec.tls.is_some().then(|| trunk.id.clone());
        self.towards(flow, (host, own))
    }

    /// The same for a trunk of the generation in force.
    pub(super) fn towards_trunk_named(&mut self, flow: Flow, id: &ResourceId) -> Flow {
        let generation = Arc::clone(&self.generation);
        let trunk = generation.table.trunk_of(id).and_then(|index| generation.table.trunk(index));
        trunk.map_or(flow, |trunk| self.towards_trunk(flow, trunk))
    }

    /// The way of an attempt from a listener, with who has to be there. Who registered is reached over
    /// the connection that it came by, and under TLS over no other: it came from any port, and a
    /// certificate that says who it is has hardly any phone.
    pub(super) fn way_to(
        &mut self,
        (table, attempt): (&Table, &Attempt),
        (listener, address): (u32, SocketAddr),
    ) -> Flow {
        let flow = self.listeners.flow(listener, address);
        if let Some(connection) = attempt.connection {
            let link = flow.link.over(ConnectionId(connection)).towards(FarEnd::COMER);
            return Flow { link, ..flow };
        }
        if !flow.link.is_secure() {
            return flow;
        }
        match attempt.target {
            Target::Trunk(index) => {
                table.trunk(index).map_or(flow, |trunk| self.towards_trunk(flow, trunk))
            }
            Target::Contact => {
                let target = attempt.request_uri();
                let uri = Uri::parse(target.as_bytes());
                let host = uri.and_then(|uri| std::str::from_utf8(uri.host).ok()?.parse().ok());
                host.map_or(flow, |host| self.towards(flow, (host, None)))
            }
        }
    }

    fn towards(&mut self, flow: Flow, wanted: Wanted) -> Flow {
        let number = self.far_ends.number(wanted);
        Flow { link: flow.link.towards(number), ..flow }
    }

    /// Of a flow that no address makes a trunk's: the trunks that its certificate speaks for (G27:
    /// after every address, before a tenant's own).
    pub(super) fn by_certificate<'t>(
        &self,
        table: &'t Table,
        flow: Flow,
        by_address: Source<'t>,
    ) -> Source<'t> {
        let domains = self.vouched.of(flow);
        if domains.is_empty() || matches!(by_address, Source::Trunks(_)) {
            return by_address;
        }
        let name = self.listeners.name(flow.transport);
        let index = name.and_then(|name| table.transport_named(name));
        let trunks = index.map_or(&[][..], |index| table.trunks_of_domains(index, domains));
        if trunks.is_empty() { by_address } else { Source::Trunks(trunks.into()) }
    }
}
