//! Where a call goes that a far end sends elsewhere: a transfer (REFER), a redirection (3xx).

use super::decision::{Attempt, NextHop, Outcome, Refusal, Target};
use super::number::called_number;
use super::table::{Table, TenantIndex, TrunkIndex};

impl Table {
    /// Routes what a tenant's side transfers to: an extension of the tenant, else as if it dialled.
    pub fn route_transfer(&self, tenant: TenantIndex, dialled: &str) -> Outcome {
        let Some(entry) = self.tenant(tenant) else {
            return Outcome::Refuse(Refusal::TenantDisabled);
        };
        let number = called_number(dialled).filter(|_| entry.spec.enabled);
        let Some(extension) = number.and_then(|number| entry.extension(number)) else {
            return self.route_outbound(tenant, dialled, &mut ()).outcome;
        };
        let own_user = extension.contact.user.clone().filter(|_| extension.numbers.size() == 1);
        let user = own_user.unwrap_or_else(|| dialled.to_owned());
        let way = (extension.next_hop.clone(), extension.transport);
        match self.attempt_at(&extension.contact, user, way) {
            Ok(attempt) => Outcome::Deliver(vec![attempt]),
            Err((refusal, _)) => Outcome::Refuse(refusal),
        }
    }

    /// The attempt that a trunk's 3xx asks for: over the same trunk, to another address, where the
    /// trunk's transport may send to that; of a name this is asked of each of its addresses.
    pub fn redirected(
        &self,
        trunk: TrunkIndex,
        next_hop: NextHop,
        (secure, user, host): (bool, String, String),
    ) -> Option<Attempt> {
        let transport = self.trunk(trunk)?.transport?;
        let may = next_hop.address().is_none_or(|one| self.may_send(trunk, one.ip()));
        may.then_some(Attempt {
            target: Target::Trunk(trunk),
            transport,
            next_hop,
            secure,
            user,
            host,
            proxy: None,
            connection: None,
        })
    }
}
