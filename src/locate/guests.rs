//! Names that are wanted for a while: those that a far end brings up.

use super::locator::Locator;
use super::walk::Lack;
use super::{GUEST_TIME, MAX_GUESTS};
use crate::model::ServerName;
use crate::transaction::Moment;

impl Locator {
    /// Looks a name up for at least [`GUEST_TIME`]; false when there are too many others. None of its
    /// addresses is anybody's for that: only names of a configuration are.
    pub fn want_for_now(&mut self, name: &ServerName, now: Moment) -> bool {
        let former = self.names.get(name).and_then(|located| located.guest);
        if former.is_none() && self.guests.len() >= MAX_GUESTS {
            return false;
        }
        if let Some(former) = former {
            self.guests.remove(&(former, name.clone()));
        }
        let until = now + GUEST_TIME;
        self.guests.insert((until, name.clone()));
        self.begin(name, now).guest = Some(until);
        true
    }

    /// Whether answers are awaited of a name that is wanted for a while.
    pub fn is_awaited(&self, name: &ServerName) -> bool {
        let guest = self.names.get(name).filter(|located| located.guest.is_some());
        guest.is_some_and(|located| located.lack == Some(Lack::Pending))
    }
}
