//! Every reason for which the engine itself refuses or drops, in one list: stable word, SIP code.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::transaction::Moment;

/// Declares [`Reason`] from one list: variant, stable word, SIP code (0: silence).
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $word:literal $code:literal,)*) => {
        /// Why the engine, not the router, refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// The stable word, counted and shown.
            pub(super) const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The SIP code; 0 is silence.
            pub(super) const fn code(self) -> u16 {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

reasons! {
    /// The source is nobody's.
    UnknownSource "UnknownSource" 0,
    /// The source is nobody's any more, and calls of when it was go on.
    Draining "Draining" 503,
    /// Strangers ask more than they may be answered.
    StrangerRate "StrangerRate" 0,
    /// An answer to a stranger would be much longer than what it answers.
    AnswerTooLong "AnswerTooLong" 0,
    /// Asked for a proof: there was none, or its nonce was not good any more.
    Challenged "Challenged" 401,
    /// A proof of a wrong password, of an unknown user, or for another request.
    WrongCredentials "WrongCredentials" 401,
    /// Too short to be challenged: the answer would have many more bytes.
    ShortRequest "ShortRequest" 0,
    /// Somebody who is known speaks for somebody else.
    OtherUser "OtherUser" 403,
    /// A Contact that nobody can be reached at.
    BadContact "BadContact" 400,
    /// Nobody is registered there.
    NotRegistered "NotRegistered" 480,
    /// Who is registered there wants to be called over TLS, and has not registered over it.
    NotSecure "NotSecure" 480,
    /// A registration that would be over before it is worth it.
    IntervalTooBrief "IntervalTooBrief" 423,
    /// A response to nothing we asked.
    StrayResponse "StrayResponse" 0,
    /// Not a SIP message.
    Malformed "Malformed" 400,
    /// An INVITE without a Contact that requests can be sent to.
    NoContact "NoContact" 400,
    /// A Replaces that stands twice, or not in an INVITE (RFC 3891 section 3).
    BadReplaces "BadReplaces" 400,
    /// `Require` names what we do not do.
    BadExtension "BadExtension" 420,
    /// A session interval that is shorter than the trunk takes.
    SessionTooShort "SessionIntervalTooSmall" 422,
    /// A URI that is neither `sip:`, `sips:` nor `tel:`.
    UriScheme "UriScheme" 416,
    /// Max-Forwards is used up.
    TooManyHops "TooManyHops" 483,
    /// The same request came by two ways (RFC 3261 8.2.2.2).
    Merged "Merged" 482,
    /// A call that has been here before, by our mark (RFC 5393 asks no less of us than of a proxy).
    Loop "LoopDetected" 482,
    /// A REFER without exactly one target, to be carried out with another method than INVITE, or with a
    /// Replaces that is none.
    BadReferTo "BadReferTo" 400,
    /// A REFER that the trunk's policy or the router refuses.
    ReferRefused "ReferRefused" 603,
    /// A method that we do not take here.
    Method "MethodNotAllowed" 405,
    /// An event package that we know nothing of, or none (RFC 6665 section 8.3.2).
    BadEvent "BadEvent" 489,
    /// A method that nobody knows.
    UnknownMethod "UnknownMethod" 501,
    /// A dialog or transaction that is not there, or is not the sender's.
    NoDialog "NoDialog" 481,
    /// A CSeq that goes backwards.
    CSeqOrder "CSeqOrder" 500,
    /// A second INVITE before the first is through.
    InvitePending "InvitePending" 500,
    /// INVITEs of both sides crossed.
    Glare "Glare" 491,
    /// A PRACK that offers a session to who waits for none.
    OfferInVain "NotAcceptable" 488,
    /// More early dialogs or reliable provisional responses of one INVITE than are shown.
    EarlyFull "EarlyDialogLimit" 0,
    /// More requests inside one dialog than fit.
    RelaysFull "RelaysFull" 500,
    /// The trunk has as many calls as it may.
    TrunkFull "TrunkLimit" 503,
    /// The tenant's share of the trunk is used up.
    ShareFull "TenantOnTrunkLimit" 503,
    /// The tenant has as many calls as it may.
    TenantFull "TenantLimit" 503,
    /// The trunk has as many new calls in a second as it may.
    TrunkRate "TrunkRateLimit" 503,
    /// The tenant has as many new calls in a second as it may.
    TenantRate "TenantRateLimit" 503,
    /// The engine has as many calls or transactions as it may.
    EngineFull "EngineLimit" 503,
    /// Every trunk that could be tried is down, gone or cannot be reached.
    NoTrunkUp "NoTrunkUp" 404,
    /// A name that a call should go to has no address, or none that may be sent to.
    NoTarget "NoTarget" 404,
    /// Nobody answered: what was tried could not be reached.
    Unreachable "Unreachable" 408,
    /// Nobody answered in time.
    Silence "Silence" 408,
}

/// How often one reason is told at most.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Refusals and drops counted by their words; also how calls ended.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: BTreeMap<&'static str, Counter>,
    endings: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct Counter {
    count: u64,
    /// When it is told again.
    silent_until: Moment,
}

impl Refusals {
    /// Counts; what to tell, if that is due: a limit that is hit is never silent, and never loud.
    pub(super) fn count(&mut self, word: &'static str, now: Moment) -> Option<u64> {
        let counter = self.counts.entry(word).or_default();
        counter.count += 1;
        if now < counter.silent_until {
            return None;
        }
        counter.silent_until = now + TELL_EVERY;
        Some(counter.count)
    }

    /// A call ended for this reason.
    pub(super) fn count_ending(&mut self, word: &'static str) {
        *self.endings.entry(word).or_default() += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(word, counter)| (*word, counter.count))
    }

    pub(super) fn endings(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.endings.iter().map(|(word, count)| (*word, *count))
    }
}
