//! The transactions of RFC 3261 section 17 with RFC 6026 as the drawings have them: a state, timers by
//! their letters, and a table of what happens. Slow, plain, and written without the code under test.

use std::collections::BTreeMap;

/// T1, T2, T4 and 64*T1 in milliseconds.
const T1: u64 = 500;
const T2: u64 = 4_000;
const T4: u64 = 5_000;
const LONG: u64 = 64 * T1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ClientInvite,
    ClientOther,
    ServerInvite,
    ServerOther,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Calling,
    Trying,
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    Response,
    TimedOut,
    Unreachable,
    NoAck,
}

/// One transaction.
#[derive(Debug)]
pub(crate) struct Model {
    kind: Kind,
    pub(crate) state: State,
    /// Over a connection nothing is sent again and nothing lingers.
    reliable: bool,
    timers: BTreeMap<char, u64>,
    /// Of timer A, E or G.
    interval: u64,
    request: String,
    /// The last response that was sent.
    response: Option<String>,
    ack: Option<String>,
}

/// What one event brings about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    pub(crate) sent: Option<String>,
    pub(crate) told: Option<Told>,
}

impl Effects {
    fn none() -> Self {
        Self::default()
    }

    fn send(text: &str) -> Self {
        Self { sent: Some(text.to_owned()), told: None }
    }

    fn tell(told: Told) -> Self {
        Self { sent: None, told: Some(told) }
    }
}

impl Model {
    /// A client transaction, whose request goes out now.
    pub(crate) fn client(invite: bool, reliable: bool, request: &str, now: u64) -> Self {
        let (kind, state, again, end) = if invite {
            (Kind::ClientInvite, State::Calling, 'A', 'B')
        } else {
            (Kind::ClientOther, State::Trying, 'E', 'F')
        };
        let mut model = Self::new(kind, state, reliable, request);
        model.set_unless_reliable(again, now, T1);
        model.set(end, now, LONG);
        model
    }

    /// A server transaction, whose request has just come.
    pub(crate) fn server(invite: bool, reliable: bool) -> Self {
        if invite {
            Self::new(Kind::ServerInvite, State::Proceeding, reliable, "")
        } else {
            Self::new(Kind::ServerOther, State::Trying, reliable, "")
        }
    }

    fn new(kind: Kind, state: State, reliable: bool, request: &str) -> Self {
        Self {
            kind,
            state,
            reliable,
            timers: BTreeMap::new(),
            interval: T1,
            request: request.to_owned(),
            response: None,
            ack: None,
        }
    }

    fn set(&mut self, timer: char, now: u64, span: u64) {
        self.timers.insert(timer, now + span);
    }

    fn set_unless_reliable(&mut self, timer: char, now: u64, span: u64) {
        if !self.reliable {
            self.set(timer, now, span);
        }
    }

    /// From now on only this timer runs; over a connection for no time at all, where `may_be_zero`.
    fn linger(&mut self, state: State, timer: char, now: u64, (span, may_be_zero): (u64, bool)) {
        self.state = state;
        self.timers.clear();
        // A table has whole milliseconds: no time at all is over in the next one.
        self.set(timer, now, if self.reliable && may_be_zero { 1 } else { span });
    }

    fn end(&mut self) {
        self.state = State::Terminated;
        self.timers.clear();
    }

    /// When the next timer fires.
    pub(crate) fn due(&self) -> Option<u64> {
        self.timers.values().min().copied()
    }

    /// A response to a client transaction; `ack` is the ACK of a failure.
    pub(crate) fn response(&mut self, code: u16, ack: &str, now: u64) -> Effects {
        use State::{Accepted, Calling, Completed, Proceeding, Trying};
        let tell = Effects::tell(Told::Response);
        match (self.kind, self.state, code) {
            (Kind::ClientInvite, Calling | Proceeding, ..200) => {
                self.state = Proceeding;
                self.timers.remove(&'A');
                self.timers.remove(&'B');
                tell
            }
            // RFC 6026 section 7.2: every 2xx is for the user, until timer M.
            (Kind::ClientInvite, Calling | Proceeding, 200..300) => {
                self.linger(Accepted, 'M', now, (LONG, false));
                tell
            }
            (Kind::ClientInvite, Accepted, 200..300) => tell,
            (Kind::ClientInvite, Calling | Proceeding, _) => {
                self.linger(Completed, 'D', now, (LONG, true));
                self.ack = Some(ack.to_owned());
                Effects { sent: self.ack.clone(), told: Some(Told::Response) }
            }
            (Kind::ClientInvite, Completed, 300..) => {
                Effects { sent: self.ack.clone(), told: None }
            }
            (Kind::ClientOther, Trying | Proceeding, ..200) => {
                // The drawing lets timer E run on once more; we begin with T2 at once.
                if self.state == Trying {
                    self.set_unless_reliable('E', now, T2);
                }
                self.state = Proceeding;
                tell
            }
            (Kind::ClientOther, Trying | Proceeding, _) => {
                self.linger(Completed, 'K', now, (T4, true));
                tell
            }
            _ => Effects::none(),
        }
    }

    /// The request comes again to a server transaction.
    pub(crate) fn again(&self) -> Effects {
        let last = self.response.as_deref().map(Effects::send).unwrap_or_default();
        match (self.kind, self.state) {
            (Kind::ServerInvite | Kind::ServerOther, State::Proceeding | State::Completed) => last,
            _ => Effects::none(),
        }
    }

    /// The user of a server transaction answers.
    pub(crate) fn respond(&mut self, code: u16, text: &str, now: u64) -> Effects {
        use State::{Accepted, Completed, Proceeding, Trying};
        match (self.kind, self.state, code) {
            (Kind::ServerInvite, Proceeding, ..200) => {}
            (Kind::ServerInvite, Proceeding, 200..300) => {
                self.linger(Accepted, 'L', now, (LONG, false));
            }
            // RFC 6026 section 7.1: the user repeats its 2xx through the transaction.
            (Kind::ServerInvite, Accepted, 200..300) => {}
            (Kind::ServerInvite, Proceeding, _) => {
                self.state = Completed;
                self.interval = T1;
                self.set_unless_reliable('G', now, T1);
                self.set('H', now, LONG);
            }
            (Kind::ServerOther, Trying | Proceeding, ..200) => self.state = Proceeding,
            (Kind::ServerOther, Trying | Proceeding, _) => {
                self.linger(Completed, 'J', now, (LONG, true));
            }
            _ => return Effects::none(),
        }
        self.response = Some(text.to_owned());
        Effects::send(text)
    }

    /// An ACK with the branch of the INVITE; whether it was for the transaction.
    pub(crate) fn acknowledged(&mut self, now: u64) -> bool {
        if self.kind == Kind::ServerInvite && self.state == State::Completed {
            self.linger(State::Confirmed, 'I', now, (T4, true));
        }
        self.kind == Kind::ServerInvite && self.state != State::Accepted
    }

    /// The transport could not send the request, or the response.
    pub(crate) fn unreachable(&mut self, now: u64) -> Effects {
        let fails = match self.kind {
            Kind::ClientInvite => self.state == State::Calling,
            Kind::ClientOther => matches!(self.state, State::Trying | State::Proceeding),
            // RFC 6026 section 7.1: its user learns of it, and it absorbs the INVITE all the same.
            Kind::ServerInvite if self.state == State::Accepted => {
                return Effects::tell(Told::Unreachable);
            }
            Kind::ServerInvite | Kind::ServerOther => {
                matches!(self.state, State::Proceeding | State::Completed)
            }
        };
        if !fails {
            return Effects::none();
        }
        if self.kind == Kind::ClientInvite {
            // It may have arrived: who answers has to be heard as long as that may take.
            self.linger(State::Accepted, 'M', now, (LONG, false));
        } else {
            self.end();
        }
        Effects::tell(Told::Unreachable)
    }

    /// Its CANCEL was sent: 64*T1 from the first one it may still have an answer (section 9.1).
    pub(crate) fn bound(&mut self, now: u64) {
        let open = matches!(self.state, State::Calling | State::Proceeding);
        if self.kind == Kind::ClientInvite && open {
            self.timers.entry('C').or_insert(now + LONG);
        }
    }

    /// The first timer that is due fires.
    pub(crate) fn fire(&mut self, now: u64) -> Option<Effects> {
        let order = |(timer, at): &(&char, &u64)| (**at, !matches!(timer, 'B' | 'F' | 'H'));
        let (timer, at) = self.timers.iter().min_by_key(order).map(|(timer, at)| (*timer, *at))?;
        if at > now {
            return None;
        }
        self.timers.remove(&timer);
        Some(match timer {
            'A' => {
                self.interval *= 2;
                self.set('A', now, self.interval);
                Effects::send(&self.request)
            }
            'E' => {
                let twice = (self.interval * 2).min(T2);
                self.interval = if self.state == State::Proceeding { T2 } else { twice };
                self.set('E', now, self.interval);
                Effects::send(&self.request)
            }
            'G' => {
                self.interval = (self.interval * 2).min(T2);
                self.set('G', now, self.interval);
                self.response.as_deref().map(Effects::send).unwrap_or_default()
            }
            // While nothing was heard of the INVITE, timer B ends it first.
            'B' | 'C' | 'F' => {
                self.end();
                Effects::tell(Told::TimedOut)
            }
            'H' => {
                self.end();
                Effects::tell(Told::NoAck)
            }
            _ => {
                self.end();
                Effects::none()
            }
        })
    }
}
