//! How many connections there may be, and whose.

use nix::sys::resource::{Resource, getrlimit};

use crate::engine::Admission;

/// Connections at the same time, where the system gives so many descriptors.
const MAX_CONNECTIONS: usize = 4096;
/// Connections from one address at the same time.
const MAX_PER_SOURCE: usize = 256;
/// Connections of strangers at the same time, of which a certificate may say whose they are, or which
/// are closed after their first message.
const MAX_STRANGERS: usize = 256;
/// Of those, from one address.
const MAX_STRANGERS_PER_SOURCE: usize = 16;

/// How many connections there may be: a quarter of the descriptors that this process may have is left
/// to everything else it does.
pub(super) fn places() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from(limit / 4 * 3).map_or(MAX_CONNECTIONS, |most| most.min(MAX_CONNECTIONS))
}

/// How many connections there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) all: usize,
    pub(super) strangers: usize,
    /// From the address that asks for one more.
    pub(super) of_source: usize,
}

impl Taken {
    /// Whether there is room for one more.
    pub(super) fn has_room(self, admission: Admission, places: usize) -> bool {
        let (all, of_source) = match admission {
            Admission::Known => (false, self.of_source >= MAX_PER_SOURCE),
            // However many come, there is room for those who are known.
            Admission::ToRegister => (self.all >= places / 2, self.of_source >= MAX_PER_SOURCE),
            Admission::ByCertificate | Admission::ToBeTold => {
                (self.strangers >= MAX_STRANGERS, self.of_source >= MAX_STRANGERS_PER_SOURCE)
            }
            Admission::Refused => (true, true),
        };
        self.all < places && !all && !of_source
    }
}
