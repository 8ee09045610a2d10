//! Credentials of ours: whose challenge is answered, and the request once more with its proof.
//!
//! Only a request that we sent to the trunk itself, in a dialog that we began, is sent again, at most
//! [`MAX_PROOFS`] times: whoever calls us and then challenges our BYE learns nothing (S-04).

use std::sync::Arc;

use super::MAX_PROOFS;
use super::call::{Call, Progress};
use super::context::{Context, Owner, Party};
use super::generation::Generation;
use super::leg::{Bye, Leg};
use super::write;
use crate::model::{REGISTRATION_PASSWORD, Secret};
use crate::routing::{Source, TrunkIndex};
use crate::sip::digest::{Answer, Challenge, parameter};
use crate::sip::{HeaderName, Message};
use crate::transaction::{Asked, Chance, Class, ClientKey};

/// A header that answers a challenge.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    /// `Authorization` or `Proxy-Authorization`.
    pub(super) name: &'static str,
    pub(super) value: Box<[u8]>,
}

/// A challenge and our answer to it.
pub(super) struct Answered {
    pub(super) challenge: Challenge,
    pub(super) credential: Credential,
}

/// Who we are at one trunk.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) username: Box<[u8]>,
    pub(super) secret: Arc<Secret>,
    /// The only realm that is answered; absent: any of the trunk's.
    pub(super) realm: Option<Box<[u8]>>,
}

impl Account {
    /// That of a trunk, when it has one and its password was found.
    pub(super) fn of(generation: &Generation, trunk: TrunkIndex) -> Option<Self> {
        let entry = generation.table.trunk(trunk)?;
        let registration = entry.spec.registration.as_ref()?;
        let name = registration.auth_username.as_ref().unwrap_or(&registration.username);
        Some(Self {
            username: name.as_bytes().into(),
            secret: generation.secrets.get(&entry.id, REGISTRATION_PASSWORD)?.clone(),
            realm: registration.realm.as_ref().map(|realm| realm.as_bytes().into()),
        })
    }

    /// The answers to what a response asks for: of each header the strongest challenge that may be
    /// answered. The same realm is answered again only if it says that the nonce was too old.
    pub(super) fn answers(
        &self,
        chance: &mut Chance,
        asked: &Asked<Owner>,
        response: &Message,
    ) -> Vec<Answered> {
        let mut answers = Vec::new();
        if asked.proofs >= MAX_PROOFS {
            return answers;
        }
        for (header, name) in [
            (HeaderName::WwwAuthenticate, "Authorization"),
            (HeaderName::ProxyAuthenticate, "Proxy-Authorization"),
        ] {
            // What was sent unasked, with a nonce from before, was no answer yet.
            let sent = write::own_value(&asked.packet, name).filter(|_| asked.proofs > 0);
            let before = sent.and_then(|sent| parameter(sent, "realm"));
            let may = |challenge: &Challenge| {
                let own = self.realm.as_ref().is_none_or(|own| own == &challenge.realm);
                own && (challenge.stale || before.as_ref() != Some(&challenge.realm))
            };
            if let Some(challenge) = Challenge::all(response, header).into_iter().find(may) {
                let value = self.answer(chance, &asked.packet, &challenge, 1);
                answers.push(Answered { challenge, credential: Credential { name, value } });
            }
        }
        answers
    }

    /// The answer to one challenge for a request of ours.
    pub(super) fn answer(
        &self,
        chance: &mut Chance,
        packet: &[u8],
        challenge: &Challenge,
        count: u32,
    ) -> Box<[u8]> {
        let mut words = packet.split(|byte| *byte == b' ');
        let cnonce = format!("{:016x}", chance.word());
        let answer = Answer {
            username: &self.username,
            password: self.secret.expose(),
            method: words.next().unwrap_or_default(),
            uri: words.next().unwrap_or_default(),
            count,
            cnonce: cnonce.as_bytes(),
        };
        answer.print(challenge).into()
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.username.escape_ascii())
    }
}

impl Call {
    /// Answers the challenge of a request of ours; `false` where it is a refusal like any other.
    pub(super) fn answer_challenge(
        &mut self,
        ctx: &mut Context,
        key: ClientKey,
        response: &Message,
        asked: &Asked<Owner>,
    ) -> bool {
        let Some(answers) = self.answers(ctx, key, response, asked) else { return false };
        let Ok(new) = ctx.transactions.open_again(asked, &mut ctx.chance) else { return false };
        let Some(leg) = self.challenged(key) else { return false };
        let cseq = leg.next_cseq();
        let proofs: Vec<Credential> = answers.into_iter().map(|one| one.credential).collect();
        let packet = write::again(&asked.packet, new, cseq, &proofs);
        if asked.class == Class::Invite {
            leg.credentials.retain(|old| proofs.iter().all(|new| new.name != old.name));
            leg.credentials.extend(proofs);
        }
        ctx.start(new, asked.flow, packet);
        self.rekey(key, new, cseq);
        true
    }

    fn answers(
        &mut self,
        ctx: &mut Context,
        key: ClientKey,
        response: &Message,
        asked: &Asked<Owner>,
    ) -> Option<Vec<Answered>> {
        let Some(Party::Trunk(trunk)) = self.challenged(key)?.party else { return None };
        let generation = &self.facts.generation;
        let ours = match ctx.identify(&generation.table, asked.flow) {
            Source::Trunks(trunks) => trunks.contains(&trunk),
            Source::Caller(_) | Source::Unknown => false,
        };
        let account = Account::of(generation, trunk).filter(|_| ours)?;
        let answers = account.answers(&mut ctx.chance, asked, response);
        (!answers.is_empty()).then_some(answers)
    }

    /// The leg of a request that may be sent once more: of a dialog that we began, and not of an
    /// INVITE that nobody wants any more.
    fn challenged(&mut self, key: ClientKey) -> Option<&mut Leg> {
        let leg = if let Some(invite) = self.invite.as_ref().filter(|one| one.client == Some(key)) {
            let wanted = matches!(invite.progress, Progress::Pending { cancel: false, .. });
            self.leg_mut(invite.from.other()).filter(|_| wanted)
        } else if let Some(relay) = self.relays.iter().find(|relay| relay.client == key) {
            self.leg_mut(relay.to)
        } else {
            let own =
                |leg: &&mut Leg| leg.bye == Bye::Sent(key) || leg.session.is_refreshed_by(key);
            self.legs_mut().find(own)
        };
        leg.filter(|leg| leg.placed)
    }

    /// A request goes on in another transaction.
    fn rekey(&mut self, old: ClientKey, new: ClientKey, number: u32) {
        if let Some(invite) = self.invite.as_mut().filter(|invite| invite.client == Some(old)) {
            (invite.client, invite.cseq) = (Some(new), number);
            if let Progress::Pending { provisional, .. } = &mut invite.progress {
                // What the first one heard does not allow a CANCEL of this one.
                *provisional = 0;
            }
        }
        self.relays.iter_mut().filter(|relay| relay.client == old).for_each(|relay| {
            relay.client = new;
        });
        for abandoned in self.abandoned.iter_mut().filter(|one| one.client == Some(old)) {
            abandoned.client = Some(new);
        }
        for leg in self.legs_mut() {
            leg.session.rekey(old, new, number);
            if leg.bye == Bye::Sent(old) {
                leg.bye = Bye::Sent(new);
            }
        }
    }
}
