//! How many connections there may be, and whose.

use crate::engine::Admission;

/// Connections at the same time.
pub(super) const MAX_CONNECTIONS: usize = 4096;
/// Connections from one address at the same time.
const MAX_PER_SOURCE: usize = 256;
/// Connections of strangers at the same time, of which a certificate may say whose they are, or which
/// are closed after their first message.
const MAX_STRANGERS: usize = 256;
/// Of those, from one address.
const MAX_STRANGERS_PER_SOURCE: usize = 16;

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
    pub(super) fn has_room(self, admission: Admission) -> bool {
        let (all, of_source) = match admission {
            Admission::Known => (false, self.of_source >= MAX_PER_SOURCE),
            // However many come, there is room for those who are known.
            Admission::ToRegister => {
                (self.all >= MAX_CONNECTIONS / 2, self.of_source >= MAX_PER_SOURCE)
            }
            Admission::ByCertificate | Admission::ToBeTold => {
                (self.strangers >= MAX_STRANGERS, self.of_source >= MAX_STRANGERS_PER_SOURCE)
            }
            Admission::Refused => (true, true),
        };
        self.all < MAX_CONNECTIONS && !all && !of_source
    }
}
