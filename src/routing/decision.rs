//! The answer for one call.

use std::net::SocketAddr;

use super::table::{RuleIndex, TenantIndex, TransportIndex, TrunkIndex};
use crate::model::value::{Host, HostPort};
use crate::model::{OutboundProxy, Protocol, ResourceId, ServerName};

/// Which way a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From a trunk to a tenant.
    Inbound,
    /// From a tenant to a trunk.
    Outbound,
}

impl Direction {
    /// One lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// Why a call is refused: a stable reason, counted and shown. The SIP code depends on who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// No trunk and no PBX has the source address; the packet gets no answer.
    UnknownSource,
    /// The called number holds no number.
    NotANumber,
    /// The number is in no pool of the trunk.
    NoPool,
    /// No inbound or outbound rule takes it.
    NoRule,
    /// The trunk is switched off.
    TrunkDisabled,
    /// The tenant is switched off.
    TenantDisabled,
    /// The rule's destination is an extension that no one declares.
    NoExtension,
    /// No enabled route is left.
    NoRoute,
    /// No transport may reach the destination (egress policy).
    NoTransport,
    /// The destination is one that this build does not carry out; plans refuse it before.
    NotBuilt,
    /// The rule says reject.
    Rejected(u16),
}

impl Refusal {
    /// The reason as one CamelCase word.
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnknownSource => "UnknownSource",
            Self::NotANumber => "NotANumber",
            Self::NoPool => "NoPool",
            Self::NoRule => "NoRule",
            Self::TrunkDisabled => "TrunkDisabled",
            Self::TenantDisabled => "TenantDisabled",
            Self::NoExtension => "NoExtension",
            Self::NoRoute => "NoRoute",
            Self::NoTransport => "NoTransport",
            Self::NotBuilt => "NotBuilt",
            Self::Rejected(_) => "RejectedByRule",
        }
    }

    /// The SIP code towards a trunk (engine.md section 2, Codes).
    pub fn code_to_trunk(self) -> u16 {
        match self {
            Self::NotANumber | Self::NoPool | Self::NoRule | Self::NoExtension | Self::NoRoute => {
                404
            }
            Self::TrunkDisabled | Self::TenantDisabled | Self::NoTransport | Self::NotBuilt => 503,
            // Never sent: strangers get silence.
            Self::UnknownSource => 403,
            Self::Rejected(code) => code,
        }
    }

    /// The SIP code towards a tenant (domain.md section 4.3).
    pub fn code_to_tenant(self) -> u16 {
        match self {
            Self::TenantDisabled | Self::UnknownSource => 403,
            Self::NotANumber
            | Self::NoPool
            | Self::NoRule
            | Self::NoExtension
            | Self::NoRoute
            | Self::TrunkDisabled
            | Self::NotBuilt
            | Self::NoTransport => 404,
            Self::Rejected(code) => code,
        }
    }
}

/// Where an attempt goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a provider.
    Trunk(TrunkIndex),
    /// To the tenant's side: an extension's contact or a `sip` destination.
    Contact,
}

/// Where a request is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextHop {
    /// To an address.
    Address(SocketAddr),
    /// To the servers of a name, which the engine finds ahead of the call (RFC 3263).
    Name(ServerName),
    /// To where an extension or the far end of a trunk is registered.
    Binding(ResourceId),
}

impl NextHop {
    /// The next hop that a host and the port beside it mean.
    pub fn of(host: &Host, port: Option<u16>, protocol: Protocol) -> Self {
        match host {
            Host::Ip(ip) => {
                Self::Address(SocketAddr::new(*ip, port.unwrap_or_else(|| protocol.default_port())))
            }
            Host::Name(host) => Self::Name(ServerName { host: host.clone(), port, protocol }),
        }
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(_) | Self::Binding(_) => None,
        }
    }

    /// The name, if it is one.
    pub fn name(&self) -> Option<&ServerName> {
        match self {
            Self::Address(_) | Self::Binding(_) => None,
            Self::Name(name) => Some(name),
        }
    }
}

impl std::fmt::Display for NextHop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => write!(f, "{name} (by DNS)"),
            Self::Binding(id) => write!(f, "where {id} is registered"),
        }
    }
}

/// One place to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which side.
    pub target: Target,
    /// The local listener to send from.
    pub transport: TransportIndex,
    /// Where to send.
    pub next_hop: NextHop,
    /// Whether its URI is `sips:`.
    pub secure: bool,
    /// The user part of Request-URI and To, already escaped and with its password where a far end
    /// named one; empty for none.
    pub user: String,
    /// Host, port and parameters of the Request-URI, as printed behind the `@`.
    pub host: String,
    /// The proxy on the way, where the trunk has one.
    pub proxy: Option<Proxy>,
    /// The connection that the far end came by, as the engine numbers it; `None` where it is to be
    /// reached over any.
    pub connection: Option<u64>,
}

/// A proxy that the requests of an attempt go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its URI, as it stands in Route.
    pub uri: String,
    /// Whether requests inside the dialog go there, too.
    pub force: bool,
}

impl Proxy {
    pub(super) fn of(proxy: &OutboundProxy, protocol: Protocol) -> Self {
        let port = Some(proxy.port).filter(|port| *port != 0);
        let at = HostPort { host: proxy.host.clone(), port };
        let transport = match protocol {
            Protocol::Udp => "",
            Protocol::Tcp => ";transport=tcp",
            Protocol::Tls => ";transport=tls",
        };
        Self { uri: format!("sip:{at}{transport};lr"), force: proxy.force }
    }
}

impl Attempt {
    /// The trunk that it goes to.
    pub fn trunk(&self) -> Option<TrunkIndex> {
        match self.target {
            Target::Trunk(trunk) => Some(trunk),
            Target::Contact => None,
        }
    }

    /// The same at a binding: its contact, by the way that its REGISTER came, which may have been
    /// through proxies (RFC 3327), as a Route names them between its brackets; whether its URI is
    /// `sips:`, its user, which is another one where several numbers are behind one contact, and the
    /// rest.
    pub fn at_binding(
        &self,
        (transport, address, connection): (TransportIndex, SocketAddr, Option<u64>),
        (secure, user, host): (bool, String, String),
        path: String,
    ) -> Self {
        let proxy = (!path.is_empty()).then_some(Proxy { uri: path, force: false });
        let next_hop = NextHop::Address(address);
        let target = self.target.clone();
        Self { target, transport, next_hop, secure, user, host, proxy, connection }
    }

    /// The Request-URI.
    pub fn request_uri(&self) -> String {
        let at = if self.user.is_empty() { "" } else { "@" };
        let scheme = if self.secure { "sips:" } else { "sip:" };
        [scheme, &self.user, at, &self.host].concat()
    }
}

/// What is to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Try these in order; never empty.
    Deliver(Vec<Attempt>),
    /// Refuse.
    Refuse(Refusal),
}

/// The answer for one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The tenant whose call it is, once known.
    pub tenant: Option<TenantIndex>,
    /// The rule that decided, once known.
    pub rule: Option<RuleIndex>,
    /// The called number as looked up, without `+` or `00` for inbound calls.
    pub number: String,
    /// What is to happen.
    pub outcome: Outcome,
}

impl Decision {
    pub(super) fn refuse(number: &str, refusal: Refusal) -> Self {
        Self {
            tenant: None,
            rule: None,
            number: number.to_owned(),
            outcome: Outcome::Refuse(refusal),
        }
    }
}
