//! Session timers (RFC 4028), each leg on its own: who refreshes, when, and the end of a session that
//! nobody refreshes. A far end that does not know them is asked by us all the same, so that no leg
//! outlives an end that vanished by more than its interval.

use std::time::Duration;

use super::ask::{acknowledge, ask};
use super::call::{Call, Side};
use super::context::{Context, Incoming, Owner, Party};
use super::leg::{Bye, Leg};
use super::write;
use crate::model::SessionTimer;
use crate::routing::Table;
use crate::sip::{HeaderName, Message, Method, Refresher, Writer};
use crate::transaction::{ClientKey, GIVE_UP, Moment, ServerKey};

/// What RFC 4028 gives `Min-SE` where it is absent, and the least that it may say.
const LEAST: u32 = 90;
/// How long a refresh waits that cannot be sent now, or that was refused for a time.
const LATER: Duration = Duration::from_secs(5);

/// Who refreshes a leg's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    We,
    They,
}

/// Our refresh under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresh {
    No,
    Update(ClientKey),
    /// With its CSeq, for the ACK.
    Invite(ClientKey, u32),
}

/// The session timer of one leg.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    /// Seconds from one refresh to the next.
    interval: u32,
    /// The least of them that we take, or that the far end has asked for.
    min: u32,
    role: Role,
    /// Whether the far end takes part; without it the refreshes are ours alone.
    mutual: bool,
    renewed: Moment,
    /// When to do something; the origin until the dialog stands.
    due: Moment,
    refresh: Refresh,
}

/// Our session description as it stands towards a far end: what a refresh by re-INVITE offers.
#[derive(Debug)]
pub(super) struct Offer {
    /// The Content-Type and the body behind it.
    text: Box<[u8]>,
    body_at: u16,
}

impl Offer {
    /// That of a message on its way to the far end.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let content_type = message.value(HeaderName::ContentType)?;
        let body_at = u16::try_from(content_type.len()).ok()?;
        let body = message.body();
        (!body.is_empty()).then(|| Self { text: [content_type, body].concat().into(), body_at })
    }

    /// The Content-Type, and the body.
    fn parts(&self) -> (&[u8], &[u8]) {
        self.text.split_at_checked(self.body_at.into()).unwrap_or_default()
    }
}

impl Session {
    /// Before anything is agreed: as the trunk of that far end wants it, or by default.
    pub(super) fn with(table: &Table, party: Option<Party>) -> Self {
        let entry = match party {
            Some(Party::Trunk(trunk)) => table.trunk(trunk),
            Some(Party::Tenant(_)) | None => None,
        };
        let timer =
            entry.map_or_else(SessionTimer::default, |entry| entry.spec.session_timer.clone());
        Self {
            interval: timer.expires.0,
            min: timer.min.0.max(LEAST),
            role: Role::We,
            mutual: false,
            renewed: Moment::START,
            due: Moment::START,
            refresh: Refresh::No,
        }
    }

    /// The interval that a request asks for is shorter than we take (section 9).
    pub(super) fn is_short(&self, request: &Message) -> bool {
        let asked = request.session_expires();
        asked.is_some_and(|asked| asked.seconds < self.min) && request.supports("timer")
    }

    /// What a 422 says.
    pub(super) fn least(&self) -> u32 {
        self.min
    }

    /// A request of theirs refreshes the session; the answer is ours (section 9).
    pub(super) fn answer(&mut self, request: &Message, now: Moment) {
        let floor = self.min.max(request.min_se().unwrap_or_default());
        let asked = request.session_expires();
        let most = self.interval.max(floor);
        // What was asked for may be made shorter, never longer.
        self.interval = asked.map_or(most, |asked| most.min(asked.seconds.max(LEAST)));
        self.mutual = request.supports("timer");
        self.role = match (self.mutual, asked.and_then(|asked| asked.refresher)) {
            (false, _) | (true, Some(Refresher::Uas)) => Role::We,
            (true, Some(Refresher::Uac)) => Role::They,
            // Who refreshes goes on to; at first that is who called.
            (true, None) if self.due > Moment::START => self.role,
            (true, None) => Role::They,
        };
        self.renew(now);
    }

    /// A 2xx to a request of ours refreshes the session (section 7.2).
    pub(super) fn agree(&mut self, response: &Message, now: Moment) {
        let told = response.session_expires();
        self.mutual = told.is_some();
        self.role = match told.and_then(|told| told.refresher) {
            Some(Refresher::Uas) => Role::They,
            Some(Refresher::Uac) | None => Role::We,
        };
        self.interval = told.map_or(self.interval, |told| told.seconds.max(LEAST));
        self.renew(now);
    }

    /// A 422 to a request of ours: whether it is worth asking again (section 7.4).
    pub(super) fn raise(&mut self, response: &Message) -> bool {
        let least = response.min_se().filter(|least| *least > self.interval);
        if let Some(least) = least {
            (self.interval, self.min) = (least, least);
        }
        least.is_some()
    }

    /// What a refreshing request of ours says.
    pub(super) fn ask(&self, writer: &mut Writer) {
        let who = match (self.due > Moment::START, self.role) {
            (false, _) => "",
            (true, Role::We) => ";refresher=uac",
            (true, Role::They) => ";refresher=uas",
        };
        writer.header_fmt("Session-Expires", format_args!("{}{who}", self.interval));
        if self.min > LEAST {
            writer.header_number("Min-SE", self.min);
        }
    }

    /// What a 2xx of ours says to a refreshing request.
    pub(super) fn tell(&self, writer: &mut Writer) {
        if !self.mutual {
            return;
        }
        let who = match self.role {
            Role::We => "uas",
            Role::They => "uac",
        };
        writer.header("Require", &[b"timer"]);
        writer.header_fmt("Session-Expires", format_args!("{};refresher={who}", self.interval));
    }

    fn renew(&mut self, now: Moment) {
        self.renewed = now;
        self.due = match self.role {
            Role::We => now + Duration::from_secs((self.interval / 2).into()),
            Role::They => self.expiry(),
        };
    }

    /// When the session is over without a refresh (section 10): a little early, because the BYE has
    /// to arrive in time.
    fn expiry(&self) -> Moment {
        let early = (self.interval / 3).min(32);
        self.renewed + Duration::from_secs((self.interval - early).into())
    }

    fn put_off(&mut self, now: Moment, span: Duration) {
        self.due = self.expiry().min(now + span);
    }

    pub(super) fn is_refreshed_by(&self, key: ClientKey) -> bool {
        match self.refresh {
            Refresh::No => false,
            Refresh::Update(own) | Refresh::Invite(own, _) => own == key,
        }
    }

    /// Our refresh goes on in another transaction.
    pub(super) fn rekey(&mut self, old: ClientKey, new: ClientKey, number: u32) {
        match &mut self.refresh {
            Refresh::Update(key) if *key == old => *key = new,
            Refresh::Invite(key, cseq) if *key == old => (*key, *cseq) = (new, number),
            Refresh::No | Refresh::Update(_) | Refresh::Invite(..) => {}
        }
    }

    /// Whether the refreshes are ours.
    pub(super) fn is_ours(&self) -> bool {
        self.role == Role::We
    }

    /// Whether an INVITE of ours is under way.
    pub(super) fn invites(&self) -> bool {
        matches!(self.refresh, Refresh::Invite(..))
    }
}

/// How long to wait after a 491 (RFC 3261 section 14.1): longer for the side whose Call-ID it is.
pub(super) fn glare_wait(ctx: &mut Context, leg: &Leg) -> Duration {
    let (least, span) = if leg.placed { (2100, 1901) } else { (0, 2001) };
    Duration::from_millis(least + ctx.chance.below(span))
}

impl Call {
    /// When a session of an answered call wants something.
    pub(super) fn session_deadline(&self) -> Option<Moment> {
        let legs = std::iter::once(&self.a).chain(&self.b);
        let standing = legs.filter(|leg| leg.bye == Bye::No && self.is_established());
        standing.map(|leg| leg.session.due).filter(|due| *due > Moment::START).min()
    }

    /// A session's time may have come.
    pub(super) fn on_session_time(&mut self, ctx: &mut Context) {
        for side in [Side::A, Side::B] {
            let now = ctx.now;
            let leg = self.leg(side).filter(|leg| leg.bye == Bye::No && leg.session.due <= now);
            let Some(session) = leg.map(|leg| leg.session) else { continue };
            if !self.is_established() || session.due == Moment::START {
                continue;
            }
            if now >= session.expiry() {
                self.hang_up(ctx, None, "SessionExpired");
            } else {
                self.refresh_session(ctx, side);
            }
        }
    }

    /// Sends a refresh: an UPDATE where that is taken, else an INVITE that offers what stands.
    fn refresh_session(&mut self, ctx: &mut Context, side: Side) {
        let (owner, busy) = (Owner::Call(self.key), self.invite.is_some());
        let Some(leg) = self.leg_mut(side) else { return };
        let (session, offer) = (leg.session, leg.offer.take());
        if session.refresh != Refresh::No || (busy && offer.is_some()) {
            leg.offer = offer;
            leg.session.put_off(ctx.now, LATER);
            return;
        }
        let method = if offer.is_some() { Method::Invite } else { Method::Update };
        let parts = offer.as_ref().map(Offer::parts);
        let body = parts.map(|(_, body)| body).unwrap_or_default();
        let key = ask(ctx, owner, leg, (method, body), None, |ctx, writer, flow| {
            write::contact(ctx, writer, flow);
            writer.header("Allow", &[super::header_rules::ALLOW]);
            writer.header("Supported", &[b"timer"]);
            session.ask(writer);
            parts.iter().for_each(|(kind, _)| writer.header("Content-Type", &[kind]));
        });
        leg.session.refresh = match (key, &offer) {
            (None, _) => Refresh::No,
            (Some(key), None) => Refresh::Update(key),
            (Some(key), Some(_)) => Refresh::Invite(key, leg.local_cseq),
        };
        leg.offer = offer;
        let patience = if key.is_some() { GIVE_UP * 2 } else { LATER };
        leg.session.put_off(ctx.now, patience);
    }

    /// The side whose refresh a transaction is.
    pub(super) fn refreshed_by(&self, key: ClientKey) -> Option<Side> {
        let refreshed =
            |side: &Side| self.leg(*side).is_some_and(|leg| leg.session.is_refreshed_by(key));
        [Side::A, Side::B].into_iter().find(refreshed)
    }

    pub(super) fn on_refresh_response(
        &mut self,
        ctx: &mut Context,
        side: Side,
        response: &Message,
        code: u16,
    ) {
        let owner = Owner::Call(self.key);
        let Some(leg) = self.leg_mut(side).filter(|_| code >= 200) else { return };
        let refresh = std::mem::replace(&mut leg.session.refresh, Refresh::No);
        if code < 300 {
            leg.refresh(response);
            if let Refresh::Invite(_, cseq) = refresh {
                acknowledge(ctx, (owner, leg), cseq, None);
            }
        }
        match code {
            ..300 => leg.session.agree(response, ctx.now),
            // Section 10, and RFC 3261 section 12.2.1.2: the dialog is gone.
            408 | 481 => self.hang_up(ctx, None, "DialogLost"),
            422 if leg.session.raise(response) => self.refresh_session(ctx, side),
            491 => {
                let wait = glare_wait(ctx, leg);
                leg.session.put_off(ctx.now, wait);
            }
            _ if leg.session.mutual => leg.session.put_off(ctx.now, LATER),
            // An answer, and no word of timers: it lives, which is all that was asked.
            _ => leg.session.renew(ctx.now),
        }
    }

    /// Nobody answered a refresh. One that could not be sent is tried again until the session is over.
    pub(super) fn on_refresh_lost(&mut self, ctx: &mut Context, side: Side, silence: bool) {
        if let Some(leg) = self.leg_mut(side) {
            leg.session.refresh = Refresh::No;
            leg.session.put_off(ctx.now, LATER);
        }
        if silence {
            self.hang_up(ctx, None, "Silence");
        }
    }

    /// An INVITE or UPDATE of one side was answered by the other: both sessions are refreshed, and
    /// what each far end was told of the media last is kept where a refresh has to repeat it.
    pub(super) fn refresh_both(
        &mut self,
        ctx: &Context,
        (from, request): (Side, &Message),
        response: &Message,
    ) {
        let (update, answered) = (request.method() == Method::Update, self.has_answered());
        if let Some(leg) = self.leg_mut(from) {
            leg.refresh(request);
            if !answered {
                // An early dialog has a target, and no session yet.
                self.leg_mut(from.other()).into_iter().for_each(|leg| leg.refresh(response));
                return;
            }
            leg.session.answer(request, ctx.now);
            leg.learn(request, update);
            leg.keep_offer(response);
        }
        if let Some(leg) = self.leg_mut(from.other()) {
            leg.refresh(response);
            leg.session.agree(response, ctx.now);
            leg.learn(response, update);
            leg.keep_offer(request);
        }
    }

    /// Answers an UPDATE that only refreshes the session of its own leg.
    pub(super) fn answer_refresh(
        &mut self,
        ctx: &mut Context,
        from: Side,
        incoming: &Incoming,
        server: ServerKey,
    ) {
        let Some(leg) = self.leg_mut(from) else { return };
        leg.refresh(&incoming.message);
        leg.session.answer(&incoming.message, ctx.now);
        leg.learn(&incoming.message, true);
        let mut writer = write::response(incoming, 200, &leg.local_tag);
        write::contact(ctx, &mut writer, leg.flow);
        writer.header("Allow", &[super::header_rules::ALLOW]);
        leg.session.tell(&mut writer);
        ctx.respond(server, 200, writer.finish(b""));
    }

    /// An UPDATE that only refreshes the session of its own leg: answered here, because the other
    /// leg has a timer of its own.
    pub(super) fn is_own_refresh(request: &Message) -> bool {
        let says_more = [
            HeaderName::PAssertedIdentity,
            HeaderName::PPreferredIdentity,
            HeaderName::RemotePartyId,
        ];
        request.method() == Method::Update
            && request.body().is_empty()
            && request.value(HeaderName::SessionExpires).is_some()
            && !says_more.iter().any(|name| request.value(*name).is_some())
    }
}
