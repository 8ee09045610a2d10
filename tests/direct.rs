//! Documents are read alike, with a tree and without one: what `direct` takes has no fault by itself,
//! and comes to the resource that the full parser, the validator and the decoder make of it.

#[cfg(test)]
mod manifest_texts;

#[cfg(test)]
mod differential {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use trunkline::diag::FileId;
    use trunkline::manifest::decode::{Declares, Decoded, decode};
    use trunkline::manifest::direct;
    use trunkline::manifest::yaml::{parse_in_full, split};
    use trunkline::model::Resource;

    use crate::manifest_texts;

    /// Values that are one thing to some field and another to the next.
    const VALUES: &[&str] = &[
        "",
        "~",
        "null",
        "true",
        "\"true\"",
        "false",
        "0",
        "1",
        "7",
        "\"7\"",
        "-1",
        "0123",
        "00",
        "01s",
        "65535",
        "65536",
        "4294967296",
        "18446744073709551615",
        "18446744073709551616",
        "1.5",
        "1e3",
        "100",
        "\"100\"",
        "486",
        "699",
        "700",
        "+49",
        "+442079460000",
        "0044******",
        "442079460000",
        "0442079460000",
        "100-200",
        "100 - 200",
        "100–200",
        "100−200",
        "200-100",
        "100; 200",
        "100;",
        "\"*\"",
        "'*'",
        "a",
        "a-b",
        "A",
        "\"a b\"",
        "'a''b'",
        "é",
        "\"–\"",
        "acme",
        "own",
        "carrier-a",
        "[]",
        "[100]",
        "[100, 200]",
        "[\"100-200\", 1]",
        "[a, a]",
        "[~]",
        "{}",
        "{env: X}",
        "{env: 1X}",
        "{file: ../x}",
        "{file: a/b}",
        "{env: X, file: y}",
        "{custom: 0123}",
        "{custom: \"\"}",
        "{tenant: acme}",
        "system",
        "open",
        "[\"09:00-12:00\"]",
        "[\"9:00–12:00\"]",
        "\"09:00-12:00\"",
        "10s",
        "6m",
        "360",
        "90",
        "sip:192.0.2.20:5060",
        "\"sip:{did}@192.0.2.30\"",
        "sips:a@b",
        "192.0.2.1",
        "\"[::1]\"",
        "10.0.0.0/8",
        "10.0.0.1/8",
        "sip.example.net",
        "ip",
        "register",
        "teams",
        "generic",
        "telnyx/us",
        "Europe/London",
        "Europe//London",
        "/a",
        "2027-12-24",
        "2027-02-30",
        "2026-11-24T10:00:00Z",
        "OUTBOUND_CALLER_ID",
        "udp",
        "tls",
        "Trunk",
        "trunkline.dev/v1",
        "{number: \"+442079460111\"}",
        "{extension: 1000}",
        "{keep: true}",
        "{keep: false}",
        "{reject: 399}",
        "{reject: 486}",
        "{reject: 486, keep: true}",
        "{voicemail: 1000}",
    ];

    /// The documents of the examples and of the test cases.
    fn documents() -> Vec<String> {
        manifest_texts::all()
            .iter()
            .flat_map(|text| split(text).iter().map(|one| one.text.to_owned()).collect::<Vec<_>>())
            .filter(|text| text.len() < 20_000)
            .collect()
    }

    /// What a text comes to by the full parser, if it is one document without a fault.
    fn in_full(text: &str) -> Option<Resource> {
        let parsed = parse_in_full(FileId(0), text);
        let [document] = parsed.documents.as_slice() else { return None };
        let Decoded { declares, resource, rest, diagnostics } = decode(document, text);
        if !parsed.diagnostics.is_empty() || !diagnostics.is_empty() || rest.is_some() {
            return None;
        }
        let resource = resource?;
        assert_eq!(declares, Declares::Resource(resource.id()), "{text}");
        Some(resource)
    }

    fn alike(text: &str) -> Result<(), TestCaseError> {
        if let Some(resource) = direct::read(text) {
            prop_assert_eq!(Some(resource), in_full(text), "{}", text);
        }
        Ok(())
    }

    #[derive(Debug, Clone)]
    enum Edit {
        Value(Index, &'static str),
        Borrow(Index, Index),
        Move(Index, Index),
        Remove(Index),
        Repeat(Index),
        Indent(Index),
        Insert(Index, char),
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let place = any::<Index>;
        prop_oneof![
            8 => (place(), select(VALUES)).prop_map(|(at, value)| Edit::Value(at, value)),
            4 => (place(), place()).prop_map(|(at, from)| Edit::Borrow(at, from)),
            1 => (place(), place()).prop_map(|(at, to)| Edit::Move(at, to)),
            2 => place().prop_map(Edit::Remove),
            1 => place().prop_map(Edit::Repeat),
            1 => place().prop_map(Edit::Indent),
            1 => (place(), select(vec!['0', '-', '–', '+', ' ', 'x', '#', ':', '"', '\'', ',', '~', 'é']))
                .prop_map(|(at, sign)| Edit::Insert(at, sign)),
        ]
    }

    /// The line with another value after its key or dash.
    fn with_value(line: &str, value: &str) -> String {
        let key = line.find(": ").map(|at| at + 2).or_else(|| line.find("- ").map(|at| at + 2));
        match key {
            Some(at) => format!("{}{value}", &line[..at]),
            None => line.to_owned(),
        }
    }

    fn change(lines: &mut Vec<String>, other: &[String], edit: &Edit) {
        if lines.is_empty() {
            return;
        }
        let length = lines.len();
        match *edit {
            Edit::Value(at, value) => {
                let line = at.get_mut(lines.as_mut_slice());
                *line = with_value(line, value);
            }
            Edit::Borrow(at, from) => {
                if !other.is_empty() {
                    lines.insert(at.index(length + 1), from.get(other).clone());
                }
            }
            Edit::Move(at, to) => {
                let line = lines.remove(at.index(length));
                lines.insert(to.index(length), line);
            }
            Edit::Remove(at) => drop(lines.remove(at.index(length))),
            Edit::Repeat(at) => {
                let line = at.get(lines.as_slice()).clone();
                lines.insert(at.index(length), line);
            }
            Edit::Indent(at) => at.get_mut(lines.as_mut_slice()).insert_str(0, "  "),
            Edit::Insert(at, sign) => {
                let line = at.get_mut(lines.as_mut_slice());
                let mut at = at.index(line.len() + 1);
                while !line.is_char_boundary(at) {
                    at -= 1;
                }
                line.insert(at, sign);
            }
        }
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn many(cases: u32) -> ProptestConfig {
        let usual = ProptestConfig::default();
        ProptestConfig { cases: cases.max(usual.cases), ..usual }
    }

    proptest! {
        #![proptest_config(many(8192))]

        #[test]
        fn changed_documents_are_read_alike(
            texts in (select(documents()), select(documents())),
            edits in prop::collection::vec(edit(), 1..4),
        ) {
            let (mut text, other) = (lines(&texts.0), lines(&texts.1));
            for edit in &edits {
                change(&mut text, &other, edit);
                alike(&(text.join("\n") + "\n"))?;
            }
        }
    }

    /// Every line of every document with every value.
    #[test]
    fn every_value_everywhere_is_read_alike() {
        let mut all = documents();
        all.sort_unstable_by_key(String::len);
        all.dedup();
        // One mistake in it: any other value is another mistake beside it.
        for text in all.iter().filter(|text| text.len() < 500 && direct::read(text).is_some()) {
            let text = lines(text);
            for at in 0..text.len() {
                for value in VALUES {
                    let mut text = text.clone();
                    text[at] = with_value(&text[at], value);
                    alike(&(text.join("\n") + "\n")).unwrap();
                }
            }
        }
    }

    /// Otherwise the properties above would compare nothing, and sound documents would be slow.
    #[test]
    fn nearly_all_sound_documents_are_read_directly() {
        let (mut sound, mut read, mut left) = (0, 0, Vec::new());
        for text in documents() {
            alike(&text).unwrap();
            if in_full(&text).is_some() {
                sound += 1;
                match direct::read(&text) {
                    Some(_) => read += 1,
                    None => left.push(text),
                }
            }
        }
        assert!(read * 100 > sound * 97, "{read} of {sound}; not {left:#?}");
    }
}
