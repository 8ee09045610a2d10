//! A DNS that a test writes: what it does not hold does not exist.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkline::locate::{Answer, Data, Question, Record, RecordType};

/// The TTL of every record.
pub(crate) const TTL: Duration = Duration::from_secs(120);

/// What the DNS says, question by question.
#[derive(Debug, Default)]
pub(crate) struct Zone {
    records: BTreeMap<Question, Vec<Record>>,
    /// What every question gets instead: a failure, or no answer at all.
    trouble: Option<Option<String>>,
}

impl Zone {
    /// Takes over: `_sip._udp.carrier.example SRV 10 60 5060 a.example`, `a.example A 127.0.0.4`.
    pub(crate) fn set(&mut self, lines: &[&str]) {
        self.records.clear();
        for line in lines {
            let (question, record) = read(line);
            self.records.entry(question).or_default().push(record);
        }
    }

    /// Every question fails with this.
    pub(crate) fn fail(&mut self, why: &str) {
        self.trouble = Some(Some(why.to_owned()));
    }

    /// No question gets an answer.
    pub(crate) fn fall_silent(&mut self) {
        self.trouble = Some(None);
    }

    /// All is well again.
    pub(crate) fn recover(&mut self) {
        self.trouble = None;
    }

    pub(crate) fn answer(&self, question: &Question) -> Option<Answer> {
        match &self.trouble {
            Some(None) => return None,
            Some(Some(why)) => return Some(Answer::Failed(why.clone())),
            None => {}
        }
        let exists = self.records.keys().any(|known| known.name == question.name);
        Some(match self.records.get(question) {
            Some(records) => Answer::Records(records.clone()),
            None => Answer::Absent { exists, ttl: Some(TTL) },
        })
    }
}

fn read(line: &str) -> (Question, Record) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| words[at].parse().unwrap();
    let name = |at: usize| words[at].trim_end_matches('.').to_owned();
    let (record_type, data) = match words[1] {
        "A" => (RecordType::A, Data::Address(words[2].parse().unwrap())),
        "AAAA" => (RecordType::Aaaa, Data::Address(words[2].parse().unwrap())),
        "SRV" => {
            let (priority, weight, port) = (number(2), number(3), number(4));
            (RecordType::Srv, Data::Srv { priority, weight, port, target: name(5) })
        }
        "NAPTR" => {
            let (order, preference) = (number(2), number(3));
            let (flags, services) = (words[4].to_owned(), words[5].to_owned());
            let replacement = name(6);
            (RecordType::Naptr, Data::Naptr { order, preference, flags, services, replacement })
        }
        other => panic!("{other} in {line}"),
    };
    let owner = name(0);
    (Question { name: owner.clone(), record_type }, Record { owner, ttl: TTL, data })
}
