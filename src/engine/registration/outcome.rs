//! What a registrar's answer means for one registration of ours, and when it is due again
//! (engine.md G17 to G19). Nothing here ever gives up.

use std::time::Duration;

use crate::model::RegistrationState;
use crate::sip::{HeaderName, Message, NameAddr, Uri};
use crate::transaction::Chance;

/// A failure by what may mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The far end may be there again soon.
    Transient,
    /// It does not want us; somebody has to talk to the provider.
    Rejected,
    /// The manifests have to say something else.
    Misconfigured,
}

impl Failure {
    /// Of a final code; `None` is silence, or no way to send.
    pub(super) fn of(code: Option<u16>) -> Self {
        match code {
            None | Some(408 | 480 | 500..600) => Self::Transient,
            Some(400 | 416 | 420) => Self::Misconfigured,
            Some(_) => Self::Rejected,
        }
    }

    pub(super) fn state(self) -> RegistrationState {
        match self {
            Self::Transient => RegistrationState::Failing,
            Self::Rejected => RegistrationState::Rejected,
            Self::Misconfigured => RegistrationState::Misconfigured,
        }
    }

    /// How long to wait after the `count`th failure in a row; what the registrar asks for wins.
    pub(super) fn pause(self, count: u32, asked: Option<u32>, chance: &mut Chance) -> Duration {
        let doubled = |first: u64, last: u64| {
            let doublings = count.saturating_sub(1).min(16);
            (first << doublings).min(last)
        };
        let seconds = match (asked, self) {
            // Spread, so that those who were all told the same do not come back as one.
            (Some(asked), _) => return spread(u64::from(asked.min(LONGEST_ASKED)), chance),
            (None, Self::Transient) => {
                let span = doubled(5, 300) * 1000 - 1000;
                return Duration::from_millis(1000 + chance.below(span));
            }
            (None, Self::Rejected) => doubled(30, 900),
            (None, Self::Misconfigured) => 3600,
        };
        spread(seconds, chance)
    }
}

/// The longest `Retry-After` that is followed.
const LONGEST_ASKED: u32 = 86_400;

/// So many seconds, and up to a tenth more.
fn spread(seconds: u64, chance: &mut Chance) -> Duration {
    Duration::from_millis(seconds * 1000 + chance.below(seconds * 100 + 1000))
}

/// When a binding is refreshed: somewhere between half and four fifths of its life, never at its
/// edge.
pub(super) fn refresh(granted: u32, chance: &mut Chance) -> Duration {
    Duration::from_millis(u64::from(granted) * (500 + chance.below(301)))
}

/// For how long a 2xx grants our Contact: its own `expires`, else that of the response, else what
/// was asked for. What it says of other Contacts is not for us.
pub(super) fn granted(response: &Message, own: &[u8], asked: u32) -> u32 {
    let own = Uri::parse(own).unwrap_or_default();
    let same = |contact: &NameAddr<'_>| {
        let uri = &contact.uri;
        (uri.user_decoded(), uri.port.unwrap_or(5060))
            == (own.user_decoded(), own.port.unwrap_or(5060))
            && uri.host.eq_ignore_ascii_case(own.host)
    };
    let mut contacts = response.addresses(HeaderName::Contact);
    let stated = contacts.find(same).and_then(|contact| contact.params.get("expires"));
    let stated = stated.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    stated.or_else(|| response.expires()).unwrap_or(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(headers: &str) -> Message {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n{headers}\r\n"
        );
        Message::parse_datagram(text.as_bytes()).unwrap()
    }

    #[test]
    fn our_contacts_own_expires_counts_then_the_headers_then_what_we_asked_for() {
        let own = b"sip:acct@192.0.2.1:5060;transport=tcp";
        for (headers, expected) in [
            ("Contact: <sip:acct@192.0.2.9>;expires=9, <sip:acct@192.0.2.1>;expires=120\r\n", 120),
            ("Contact: <sip:a%63ct@192.0.2.1:5060>;expires=60\r\nExpires: 300\r\n", 60),
            ("Contact: <sip:acct@192.0.2.1>\r\nExpires: 300\r\n", 300),
            ("Contact: <sip:acct@192.0.2.1:5070>;expires=9\r\nExpires: 300\r\n", 300),
            ("Contact: <sip:acct@192.0.2.1>;expires=soon\r\n", 600),
            ("", 600),
        ] {
            assert_eq!(granted(&ok(headers), own, 600), expected, "{headers}");
        }
    }

    #[test]
    fn each_class_waits_as_it_should_and_none_for_ever() {
        let mut chance = Chance::from_number(3);
        let mut range = |failure: Failure, count, asked| {
            let each = (0..1000).map(|_| failure.pause(count, asked, &mut chance).as_millis());
            let all: Vec<_> = each.collect();
            (*all.iter().min().unwrap() / 1000, *all.iter().max().unwrap() / 1000)
        };
        assert_eq!(range(Failure::Transient, 1, None), (1, 4));
        assert_eq!(range(Failure::Transient, 3, None), (1, 19));
        let (least, most) = range(Failure::Transient, u32::MAX, None);
        assert!(least < 5 && (290..300).contains(&most));
        assert_eq!(range(Failure::Rejected, 1, None), (30, 33));
        assert_eq!(range(Failure::Rejected, 2, None).0, 60);
        assert_eq!(range(Failure::Rejected, 99, None).0, 900);
        assert_eq!(range(Failure::Misconfigured, 5, None).0, 3600);
        assert_eq!(range(Failure::Transient, 1, Some(100)).0, 100);
        assert_eq!(range(Failure::Rejected, 1, Some(u32::MAX)).0, 86_400);
    }

    #[test]
    fn codes_fall_into_their_classes() {
        for (code, failure) in [
            (None, Failure::Transient),
            (Some(408), Failure::Transient),
            (Some(503), Failure::Transient),
            (Some(401), Failure::Rejected),
            (Some(403), Failure::Rejected),
            (Some(302), Failure::Rejected),
            (Some(603), Failure::Rejected),
            (Some(416), Failure::Misconfigured),
        ] {
            assert_eq!(Failure::of(code), failure, "{code:?}");
        }
    }

    #[test]
    fn a_refresh_is_never_at_the_edge() {
        let mut chance = Chance::from_number(4);
        for granted in [1, 5, 600, 86_400] {
            for _ in 0..200 {
                let due = refresh(granted, &mut chance).as_millis();
                let life = u128::from(granted) * 1000;
                assert!(due * 2 >= life && due * 10 <= life * 8, "{due} of {life}");
            }
        }
    }
}
