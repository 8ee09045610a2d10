//! Questions to the DNS, and what of an answer counts.

use std::net::IpAddr;
use std::time::Duration;

use super::{MAX_ALIASES, MAX_RECORDS, MAX_TTL, MIN_TTL};

/// What kind of record is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// Which services a domain offers (RFC 3403).
    Naptr,
    /// Which hosts offer a service (RFC 2782).
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl RecordType {
    /// As the DNS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Naptr => "NAPTR",
            Self::Srv => "SRV",
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }
}

/// One question to the DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name, in lower case, without a dot at its end.
    pub name: String,
    /// The kind of record.
    pub record_type: RecordType,
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.record_type.as_str())
    }
}

/// What a record says. Its order is that in which records of one answer are kept when there are too
/// many.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    /// A service of a domain.
    Naptr {
        /// Lower ones first; others count only when no lower one fits.
        order: u16,
        /// Lower ones first.
        preference: u16,
        /// `s`: the replacement has SRV records.
        flags: String,
        /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
        services: String,
        /// The next name.
        replacement: String,
    },
    /// A host that offers a service.
    Srv {
        /// Lower ones first.
        priority: u16,
        /// The share among those of one priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host; empty: the service is decidedly not offered.
        target: String,
    },
    /// An address.
    Address(IpAddr),
    /// The name is another name's (CNAME).
    Alias(String),
}

impl Data {
    fn answers(&self, asked: RecordType) -> bool {
        match self {
            Self::Naptr { .. } => asked == RecordType::Naptr,
            Self::Srv { .. } => asked == RecordType::Srv,
            Self::Address(ip) => {
                asked == if ip.is_ipv4() { RecordType::A } else { RecordType::Aaaa }
            }
            Self::Alias(_) => false,
        }
    }
}

/// A record as it stands in an answer; names as in a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose record it is.
    pub owner: String,
    /// How long it may be kept.
    pub ttl: Duration,
    /// What it says.
    pub data: Data,
}

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With records, aliases among them.
    Records(Vec<Record>),
    /// There are none of this kind.
    Absent {
        /// Whether the name has records of another kind.
        exists: bool,
        /// How long that may be believed.
        ttl: Option<Duration>,
    },
    /// Nobody knows: SERVFAIL, silence, nonsense.
    Failed(String),
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Of the kind asked for, in order, at most [`MAX_RECORDS`].
    pub(super) records: Vec<Data>,
    /// Whether there is such a name.
    pub(super) exists: bool,
    /// How long it is fresh.
    pub(super) ttl: Duration,
}

impl Answer {
    /// The records of the kind asked for at the end of the chain of aliases; an error says why the
    /// answer is none.
    pub(super) fn known(self, question: &Question) -> Result<Known, String> {
        let records = match self {
            Self::Records(records) => records,
            Self::Absent { exists, ttl } => {
                let ttl = ttl.unwrap_or(MIN_TTL).clamp(MIN_TTL, MAX_TTL);
                return Ok(Known { records: Vec::new(), exists, ttl });
            }
            Self::Failed(why) => return Err(why),
        };
        let (name, mut ttl) = end_of_aliases(&question.name, &records)?;
        let mut found = Vec::new();
        for record in records.into_iter().filter(|record| record.owner == name) {
            if record.data.answers(question.record_type) {
                ttl = ttl.min(record.ttl);
                found.push(record.data);
            }
        }
        found.sort();
        found.dedup();
        found.truncate(MAX_RECORDS);
        Ok(Known { records: found, exists: true, ttl: ttl.clamp(MIN_TTL, MAX_TTL) })
    }
}

/// The name that a name is an alias of in the end, and the shortest TTL on the way.
fn end_of_aliases(name: &str, records: &[Record]) -> Result<(String, Duration), String> {
    let (mut name, mut ttl) = (name, MAX_TTL);
    for _ in 0..=MAX_ALIASES {
        let next = records.iter().find_map(|record| match &record.data {
            Data::Alias(next) if record.owner == name => Some((next, record.ttl)),
            Data::Naptr { .. } | Data::Srv { .. } | Data::Address(_) | Data::Alias(_) => None,
        });
        let Some((next, lives)) = next else { return Ok((name.to_owned(), ttl)) };
        (name, ttl) = (next, ttl.min(lives));
    }
    Err("its aliases (CNAME) lead nowhere".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question { name: "a.example".to_owned(), record_type: RecordType::A }
    }

    fn record(owner: &str, ttl: u64, data: Data) -> Record {
        Record { owner: owner.to_owned(), ttl: Duration::from_secs(ttl), data }
    }

    fn address(text: &str) -> Data {
        Data::Address(text.parse().unwrap())
    }

    #[test]
    fn aliases_are_followed_and_the_shortest_ttl_counts() {
        let alias = |name: &str| Data::Alias(name.to_owned());
        let answer = Answer::Records(vec![
            record("a.example", 300, alias("b.example")),
            record("b.example", 45, alias("c.example")),
            record("c.example", 600, address("192.0.2.2")),
            record("c.example", 600, address("192.0.2.1")),
            record("c.example", 10, address("2001:db8::1")),
            record("else.example", 600, address("192.0.2.66")),
        ]);
        let known = answer.known(&question()).unwrap();
        assert_eq!(known.records, [address("192.0.2.1"), address("192.0.2.2")]);
        assert_eq!(known.ttl, Duration::from_secs(45));
    }

    #[test]
    fn a_ring_of_aliases_is_a_failure() {
        let ring = ["a.example", "b.example", "a.example"];
        let ring = ring.windows(2).map(|pair| record(pair[0], 9, Data::Alias(pair[1].to_owned())));
        Answer::Records(ring.collect()).known(&question()).unwrap_err();
    }

    #[test]
    fn times_and_sizes_stay_within_their_bounds() {
        let of = |ttl| Answer::Records(vec![record("a.example", ttl, address("192.0.2.1"))]);
        assert_eq!(of(0).known(&question()).unwrap().ttl, MIN_TTL);
        assert_eq!(of(1 << 31).known(&question()).unwrap().ttl, MAX_TTL);
        let many =
            (0..2000_u32).map(|at| record("a.example", 60, Data::Address(IpAddr::V4(at.into()))));
        let known = Answer::Records(many.collect()).known(&question()).unwrap();
        assert_eq!(known.records.len(), MAX_RECORDS);
        let none = Answer::Absent { exists: false, ttl: Some(Duration::from_secs(900)) };
        assert_eq!(none.known(&question()).unwrap().ttl, Duration::from_secs(900));
    }
}
