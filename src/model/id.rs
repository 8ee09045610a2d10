//! How a resource is named: kind, owner, name.

use super::value::Name;

macro_rules! kinds {
    ($($kind:ident $system:literal,)*) => {
        /// The kinds of the manifest language that this build reads, in dependency order: what
        /// stands later may refer to what stands earlier. Creation follows the order, deletion
        /// goes against it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $(#[doc = concat!("`kind: ", stringify!($kind), "`")] $kind,)* }

        impl Kind {
            /// Every kind, in dependency order.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The kind as written in a manifest.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }

            /// Whether a resource of this kind must have no tenant.
            pub fn is_system_only(self) -> bool {
                match self { $(Self::$kind => $system == "system",)* }
            }

            /// Whether resources of this kind come into force; tests of the repository never do.
            pub fn is_ever_live(self) -> bool {
                self != Self::RouteTest
            }

            /// Whether a resource of this kind must have a tenant.
            pub fn is_tenant_only(self) -> bool {
                match self { $(Self::$kind => $system == "tenant",)* }
            }
        }
    };
}

kinds! {
    Policy "system",
    Transport "system",
    Tenant "system",
    Trunk "either",
    DidPool "tenant",
    Schedule "tenant",
    Extension "tenant",
    InboundRule "tenant",
    OutboundRule "tenant",
    RouteTest "tenant",
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// The identity of a resource. Prints as `Kind/tenant/name`, in the system scope `Kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// The kind.
    pub kind: Kind,
    /// The owner; `None` is the system scope.
    pub tenant: Option<Name>,
    /// Unique per kind and tenant.
    pub name: Name,
}

impl ResourceId {
    /// A resource of the system scope.
    pub fn system(kind: Kind, name: Name) -> Self {
        Self { kind, tenant: None, name }
    }

    /// A resource that a tenant owns.
    pub fn owned(kind: Kind, tenant: Name, name: Name) -> Self {
        Self { kind, tenant: Some(tenant), name }
    }
}

impl std::str::FromStr for ResourceId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('/');
        let kind = parts.next().unwrap_or_default().parse()?;
        let mut names = parts.map(|part| part.parse().map_err(drop));
        match (names.next(), names.next(), names.next()) {
            (Some(name), None, None) => Ok(Self::system(kind, name?)),
            (Some(tenant), Some(name), None) => Ok(Self::owned(kind, tenant?, name?)),
            _ => Err(()),
        }
    }
}

impl std::fmt::Display for ResourceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "{}/{}/{}", self.kind, tenant, self.name),
            None => write!(f, "{}/{}", self.kind, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_is_printed() {
        for text in ["Trunk/carrier", "InboundRule/acme/desk"] {
            assert_eq!(text.parse::<ResourceId>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "Trunk", "Trunk/", "Trank/a", "Trunk/a/b/c", "Trunk/A"] {
            assert_eq!(text.parse::<ResourceId>(), Err(()), "{text}");
        }
    }
}
