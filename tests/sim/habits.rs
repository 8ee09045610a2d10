//! What a simulated telephone does beside calling and hanging up: reliable ringing, early dialogs,
//! requests inside a call.

use std::time::Duration;

use trunkline::sip::{Message, Method};
use trunkline::transaction::{Chance, GIVE_UP, Moment, ServerKey, Status, T1};

use crate::agent::{Agent, State, Will, like_invite};

impl Agent {
    /// What an INVITE says of extensions.
    pub(crate) fn abilities(chance: &mut Chance) -> &'static str {
        match chance.below(8) {
            0 => "Require: 100rel\r\n",
            1 | 2 => "Supported: 100rel\r\n",
            3 => "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE\r\n",
            4 => "Supported: timer, 100rel\r\nSession-Expires: 90;refresher=uac\r\n",
            _ => "",
        }
    }

    /// Rings, reliably where the caller takes that; sometimes as another fork first.
    pub(crate) fn ring(
        &mut self,
        now: Moment,
        chance: &mut Chance,
        call_id: &str,
        (server, invite): &(ServerKey, Message),
    ) {
        if chance.below(4) == 0 {
            let own = self.talks[call_id].local.clone();
            self.talks.get_mut(call_id).unwrap().local = own.replace(";tag=b", ";tag=fork");
            self.reply(now, invite, *server, 183);
            self.talks.get_mut(call_id).unwrap().local = own;
        }
        if !invite.supports("100rel") || chance.below(3) == 0 {
            self.reply(now, invite, *server, 180);
            return;
        }
        let headers = format!("Require: 100rel\r\nRSeq: {}\r\n", 1 + chance.below(1000));
        let packet = self.reply_with(now, (invite, *server), 180, &headers);
        self.talks.get_mut(call_id).unwrap().ringing = Some(packet);
        self.will(now, chance, 1, call_id, Will::RingAgain(T1, now + GIVE_UP));
    }

    pub(crate) fn ring_again(
        &mut self,
        now: Moment,
        call_id: &str,
        (interval, end): (Duration, Moment),
    ) {
        let talk = &self.talks[call_id];
        let Some((packet, (server, _))) = talk.ringing.clone().zip(talk.theirs.clone()) else {
            return;
        };
        if now < end {
            self.table.respond(server, Status::Provisional, packet, now);
            self.serial += 1;
            let next = Will::RingAgain(interval * 2, end);
            self.wills.insert((now + interval, self.serial), (call_id.to_owned(), next));
        }
    }

    /// Acknowledges a reliable provisional response, most of the time.
    pub(crate) fn prack(
        &mut self,
        now: Moment,
        chance: &mut Chance,
        response: &Message,
        call_id: &str,
    ) {
        let Some(rseq) = response.rseq().filter(|_| response.requires("100rel")) else { return };
        let talk = self.talks.get_mut(call_id).unwrap();
        if talk.state != State::Early || rseq <= talk.pracked || chance.below(20) == 0 {
            return;
        }
        talk.pracked = rseq;
        let invited = talk.cseq.min(1);
        let before = talk.remote.clone();
        talk.remote = crate::agent::value(response, trunkline::sip::HeaderName::To);
        let headers = format!("RAck: {rseq} {invited} INVITE\r\n");
        self.request(now, chance, call_id, ("PRACK", &headers));
        self.talks.get_mut(call_id).unwrap().remote = before;
    }

    /// Asks for something inside the call.
    pub(crate) fn ask(&mut self, now: Moment, chance: &mut Chance, call_id: &str) {
        if self.talks[call_id].state != State::Talking {
            return;
        }
        let target = format!("Refer-To: <sip:0049{}@{}>\r\n", chance.below(100), self.engine);
        let asked = match chance.below(6) {
            0 => ("UPDATE", "Supported: timer\r\nSession-Expires: 90\r\n"),
            1 => ("UPDATE", "P-Asserted-Identity: <sip:a@b>\r\n"),
            2 => ("INFO", ""),
            3 => ("REFER", "Refer-To: <sip:44105@127.0.0.1>\r\n"),
            4 => ("REFER", &*target),
            _ => ("MESSAGE", ""),
        };
        self.request(now, chance, call_id, asked);
    }

    /// A request inside a call, or a probe.
    pub(crate) fn on_inside(
        &mut self,
        now: Moment,
        chance: &mut Chance,
        message: &Message,
        server: ServerKey,
    ) {
        let call_id = crate::agent::value(message, trunkline::sip::HeaderName::CallId);
        let code = match (self.talks.get_mut(&call_id), message.method()) {
            (_, Method::Options) => 200,
            (None, _) => 481,
            // One more PRACK than there was ringing is of a dialog that is gone.
            (Some(talk), Method::Prack) => {
                if talk.ringing.take().is_some() {
                    200
                } else {
                    481
                }
            }
            (Some(talk), _) if talk.state == State::Over => 481,
            (Some(_), _) => [200, 200, 200, 488, 491][usize::try_from(chance.below(5)).unwrap()],
        };
        self.reply(now, message, server, code);
    }

    pub(crate) fn cancel(&mut self, now: Moment, chance: &mut Chance, call_id: &str) {
        let talk = &self.talks[call_id];
        let (State::Early, true, Some((key, invite))) =
            (talk.state, talk.provisional, talk.ours.clone())
        else {
            return;
        };
        self.table.bound_client(key, now);
        if let Ok(Some(cancel)) = self.table.open_cancel(key, chance) {
            self.table.start_client(cancel, like_invite(&invite, "CANCEL", None), now);
        }
    }
}
