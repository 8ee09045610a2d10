//! At which target of its registrar a registration is: the preferred one, the next one while that
//! fails, and back again (RFC 3263 section 4.3, engine.md G20).

use std::net::SocketAddr;
use std::time::Duration;

use super::one::Registration;
use crate::engine::context::Context;
use crate::routing::NextHop;

/// How long a registration stays at a target that is not preferred before it tries to go back.
const RETURN_AFTER: Duration = Duration::from_secs(600);

impl Registration {
    /// Where the next REGISTER goes; `None` as long as the registrar's name has no target.
    pub(super) fn aim(&mut self, ctx: &mut Context) -> Option<SocketAddr> {
        if self.leaving.is_some() && self.target.is_some() {
            return self.target;
        }
        let (places, preferred) = self.places(ctx);
        // While nothing is known of the name, it stays where it is.
        let stays = |target: &SocketAddr| places.is_empty() || places.contains(target);
        let kept = self.target.filter(stays).filter(|target| !self.tried.contains(target));
        let late = ctx.now.since(self.aimed) >= RETURN_AFTER;
        let away = kept.is_some_and(|kept| late && !preferred.contains(&kept));
        let mut free = places.into_iter().filter(|place| !self.tried.contains(place));
        let next = match kept {
            Some(kept) if !away => Some(kept),
            Some(kept) => free.find(|place| preferred.contains(place)).or(Some(kept)),
            None => free.next(),
        };
        self.move_to(ctx, next.or(self.target));
        self.target
    }

    /// After a failure that another target may not have: whether there is one to go on to at once.
    pub(super) fn goes_on(&mut self, ctx: &mut Context, number: u32) -> bool {
        if self.leaving.is_some() {
            return false;
        }
        self.tried.extend(self.target);
        let (places, _) = self.places(ctx);
        if places.iter().all(|place| self.tried.contains(place)) {
            // The next round begins with the preferred one again.
            self.tried.clear();
            self.move_to(ctx, places.first().copied().or(self.target));
            return false;
        }
        self.has_turn = false;
        self.set_timer(ctx, number, Some(ctx.now));
        true
    }

    /// Notes where it is now. Answers are admitted from there, from whatever port.
    pub(super) fn move_to(&mut self, ctx: &mut Context, target: Option<SocketAddr>) {
        if self.target != target {
            target.into_iter().for_each(|target| ctx.peers.add(target));
            self.target.into_iter().for_each(|former| ctx.peers.remove(former));
            (self.target, self.aimed) = (target, ctx.now);
        }
    }

    /// The registrar's targets in the order drawn now, and those of the best priority.
    fn places(&self, ctx: &mut Context) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let name = match &self.wish.place.next_hop {
            NextHop::Address(address) => return (vec![*address], vec![*address]),
            // We register at nobody who registers with us.
            NextHop::Binding(_) => return Default::default(),
            NextHop::Name(name) => name,
        };
        let Context { locator, chance, generation, .. } = ctx;
        let table = &generation.table;
        let Some(trunk) = table.trunk_of(&self.id) else { return Default::default() };
        let may_send = |place: &SocketAddr| table.may_send(trunk, place.ip());
        let preferred = locator.servers(name).map(|servers| servers.preferred);
        let preferred = preferred.unwrap_or_default().into_iter().filter(may_send).collect();
        let places = locator.targets(name, &mut |bound| chance.below(bound));
        (places.into_iter().filter(may_send).collect(), preferred)
    }
}
