//! The fast scanner and the full parser read alike: whatever the text, the same trees, places,
//! documents and diagnostics come out, whichever of the two has read it.

#[cfg(test)]
mod manifest_texts;

#[cfg(test)]
mod differential {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use trunkline::diag::FileId;
    use trunkline::manifest::scanner::scan;
    use trunkline::manifest::yaml::{parse, parse_in_full};

    use crate::manifest_texts;

    const FILE: FileId = FileId(7);

    /// Signs that mean something to YAML, or look as if they did.
    const SIGNS: &[&str] = &[
        ":",
        ": ",
        " :",
        "-",
        "- ",
        "\n- ",
        "?",
        "? ",
        ",",
        "[",
        "]",
        "{",
        "}",
        "[]",
        "{}",
        "#",
        " #",
        "&a ",
        "*a",
        "!t ",
        "!!str ",
        "|",
        "|\n",
        ">-\n",
        "'",
        "''",
        "\"",
        "\\",
        "\"\"",
        "%",
        "%YAML 1.2\n",
        "@",
        "`",
        "\t",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        " ",
        "  ",
        "\n ",
        "\n  ",
        "---",
        "---\n",
        "\n---\n",
        "...",
        "\n...\n",
        "<<",
        "~",
        "null",
        "true",
        "0",
        "+",
        "=",
        "é",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{1f600}",
        "\0",
        "\u{1b}",
        "\u{7f}",
        "a",
        "a: ",
        "k: v\n",
    ];

    fn alike(text: &str) -> Result<(), TestCaseError> {
        prop_assert_eq!(parse(FILE, text), parse_in_full(FILE, text), "{:?}", text);
        Ok(())
    }

    /// A place between two characters.
    fn cut(text: &str, at: Index) -> usize {
        let mut at = at.index(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    #[derive(Debug, Clone)]
    enum Edit {
        Insert(Index, &'static str),
        Remove(Index, Index),
        Flip(Index, u8),
        Truncate(Index),
        Splice(Index, Index, Index),
        Indent(Index, usize),
        Dedent(Index),
        RepeatLine(Index),
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let place = any::<Index>;
        prop_oneof![
            6 => (place(), select(SIGNS)).prop_map(|(at, sign)| Edit::Insert(at, sign)),
            2 => (place(), place()).prop_map(|(at, length)| Edit::Remove(at, length)),
            2 => (place(), 0_u8..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
            1 => place().prop_map(Edit::Truncate),
            1 => (place(), place(), place()).prop_map(|(at, from, to)| Edit::Splice(at, from, to)),
            2 => (place(), 1_usize..4).prop_map(|(line, by)| Edit::Indent(line, by)),
            2 => place().prop_map(Edit::Dedent),
            1 => place().prop_map(Edit::RepeatLine),
        ]
    }

    fn line_start(text: &str, at: Index) -> usize {
        let at = cut(text, at);
        text[..at].rfind('\n').map_or(0, |feed| feed + 1)
    }

    fn change(text: &mut String, other: &str, edit: &Edit) {
        match *edit {
            Edit::Insert(at, sign) => text.insert_str(cut(text, at), sign),
            Edit::Remove(at, length) => {
                let start = cut(text, at);
                let tail: String = text[start..].chars().skip(1 + length.index(4)).collect();
                text.replace_range(start.., &tail);
            }
            Edit::Flip(at, bit) => {
                let mut bytes = text.clone().into_bytes();
                if let Some(byte) = bytes.get_mut(cut(text, at)) {
                    *byte ^= 1 << bit;
                }
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
            Edit::Truncate(at) => text.truncate(cut(text, at)),
            Edit::Splice(at, from, to) => {
                let (from, to) = (cut(other, from), cut(other, to));
                let part = &other[from.min(to)..from.max(to)];
                let part: String = part.chars().take(200).collect();
                text.insert_str(cut(text, at), &part);
            }
            Edit::Indent(line, by) => text.insert_str(line_start(text, line), &" ".repeat(by)),
            Edit::Dedent(line) => {
                let start = line_start(text, line);
                if text[start..].starts_with(' ') {
                    text.remove(start);
                }
            }
            Edit::RepeatLine(line) => {
                let start = line_start(text, line);
                let line = text[start..].split_inclusive('\n').next().unwrap_or("").to_owned();
                text.insert_str(start, &line);
            }
        }
    }

    /// A scalar of one line as people write it.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9+*/.=_~$^()<;\\\\é][a-zA-Z0-9+*/.=_~$^()<;#é!&|>%@-]{0,12}",
            "[a-zé]{1,6}( [a-z'\"]{1,6}){1,3}",
            "sip:[a-z]{1,5}@[0-9.]{1,9}:[0-9]{1,5}",
            "-?[0-9]{1,20}",
            select(vec!["null", "~", "true", "0123", "NO", "12:30", "1e3", "-1", "\"\"", "''"])
                .prop_map(str::to_owned),
            "'([a-z:#,\\[\\]{} \"é]|''){0,10}'",
            "\"[a-z:#,\\[\\]{} 'é]{0,10}\"",
        ]
    }

    #[derive(Debug, Clone)]
    enum Tree {
        Word(String),
        Flow(bool, Vec<String>),
        List(bool, Vec<Self>),
        Map(Vec<(String, Self)>),
        Nothing,
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            8 => word().prop_map(Tree::Word),
            1 => (any::<bool>(), prop::collection::vec("[a-z0-9+]{1,6}( [a-z:]{1,3}x)?|'[a-z,:\\]}]{0,5}'", 0..4))
                .prop_map(|(map, items)| Tree::Flow(map, items)),
            1 => Just(Tree::Nothing),
        ];
        leaf.prop_recursive(6, 40, 5, |inner| {
            let field = ("[a-z][a-zA-Z0-9./-]{0,8}|'[a-z: ]{0,4}'|\"é[a-z]\"", inner.clone());
            prop_oneof![
                (any::<bool>(), prop::collection::vec(inner, 1..5))
                    .prop_map(|(deep, items)| Tree::List(deep, items)),
                prop::collection::vec(field, 1..5).prop_map(Tree::Map),
            ]
        })
    }

    /// Writes a tree at a column; the cursor stands where its first line begins.
    fn write(tree: &Tree, column: usize, noise: &mut impl Iterator<Item = u8>, out: &mut String) {
        let end = |out: &mut String, noise: &mut dyn Iterator<Item = u8>| {
            out.push_str(match noise.next().unwrap_or(0) {
                0..20 => " # x: y",
                20..30 => "\n",
                30..40 => "\n  # - z",
                40..50 => "  ",
                _ => "",
            });
            out.push('\n');
        };
        match tree {
            Tree::Nothing => end(out, noise),
            Tree::Word(word) => {
                out.push_str(word);
                end(out, noise);
            }
            Tree::Flow(map, items) => {
                let comma = if noise.next().unwrap_or(0) < 60 { "," } else { ", " };
                let field = |(at, item): (usize, &String)| {
                    if *map { format!("k{at}: {item}") } else { item.clone() }
                };
                let items: Vec<_> = items.iter().enumerate().map(field).collect();
                let (open, close) = if *map { ("{", "}") } else { ("[", "]") };
                out.extend([open, &items.join(comma), close]);
                end(out, noise);
            }
            Tree::List(_, items) => {
                for (at, item) in items.iter().enumerate() {
                    let lead = if at == 0 { 0 } else { column };
                    let gap = 1 + usize::from(noise.next().unwrap_or(0) < 30);
                    out.extend([&" ".repeat(lead), "-", &" ".repeat(gap)]);
                    write(item, column + 1 + gap, noise, out);
                }
            }
            Tree::Map(fields) => {
                for (at, (key, value)) in fields.iter().enumerate() {
                    let lead = if at == 0 { 0 } else { column };
                    out.extend([&" ".repeat(lead), key, ":"]);
                    let inner = match value {
                        Tree::Map(_) => column + 1 + usize::from(noise.next().unwrap_or(0) % 4),
                        Tree::List(deep, _) => column + if *deep { 2 } else { 0 },
                        Tree::Word(_) | Tree::Flow(..) | Tree::Nothing => 0,
                    };
                    if matches!(value, Tree::Map(_) | Tree::List(..)) {
                        end(out, noise);
                        out.push_str(&" ".repeat(inner));
                    } else if !matches!(value, Tree::Nothing) {
                        out.push(' ');
                    }
                    write(value, inner, noise, out);
                }
            }
        }
    }

    fn written() -> impl Strategy<Value = String> {
        let documents = prop::collection::vec((tree(), any::<bool>()), 1..4);
        (documents, prop::collection::vec(any::<u8>(), 80)).prop_map(|(documents, noise)| {
            let mut out = String::new();
            let mut noise = noise.into_iter();
            for (at, (tree, marker)) in documents.iter().enumerate() {
                if *marker || at > 0 {
                    out.push_str("---\n");
                }
                write(tree, 0, &mut noise, &mut out);
            }
            out
        })
    }

    fn many(cases: u32) -> ProptestConfig {
        let usual = ProptestConfig::default();
        ProptestConfig { cases: cases.max(usual.cases), ..usual }
    }

    proptest! {
        #![proptest_config(many(4096))]

        #[test]
        fn written_documents_are_read_alike(text in written()) {
            alike(&text)?;
        }

        #[test]
        fn changed_documents_are_read_alike(
            texts in (written(), written()),
            edits in prop::collection::vec(edit(), 1..4),
        ) {
            let (mut text, other) = texts;
            for edit in &edits {
                change(&mut text, &other, edit);
            }
            alike(&text)?;
        }

        #[test]
        fn changed_fixtures_are_read_alike(
            texts in (select(manifest_texts::all()), select(manifest_texts::all())),
            edits in prop::collection::vec(edit(), 1..4),
        ) {
            let (mut text, other) = texts;
            for edit in &edits {
                change(&mut text, &other, edit);
            }
            alike(&text)?;
        }

        #[test]
        fn signs_in_any_order_are_read_alike(signs in prop::collection::vec(select(SIGNS), 0..12)) {
            alike(&signs.concat())?;
        }
    }

    #[test]
    fn fixtures_and_all_their_beginnings_are_read_alike() {
        let fixtures = manifest_texts::all();
        let documents = fixtures.iter().flat_map(|text| text.split("\n---\n"));
        let (read, all) = documents.fold((0, 0), |(read, all), text| {
            (read + usize::from(scan(FILE, 0, text).is_some()), all + 1)
        });
        assert!(read * 10 > all * 9, "the scanner reads {read} of {all} documents");
        for text in fixtures {
            alike(&text).unwrap();
            let short = text.len() <= 600;
            for (end, _) in text.char_indices().filter(|_| short) {
                alike(&text[..end]).unwrap();
            }
        }
    }

    /// Otherwise the properties above would compare the full parser with itself.
    #[test]
    fn the_scanner_reads_most_of_what_is_compared() {
        let mut runner = TestRunner::deterministic();
        let changed = (written(), written(), prop::collection::vec(edit(), 1..4));
        let changed = changed.prop_map(|(mut text, other, edits)| {
            edits.iter().for_each(|edit| change(&mut text, &other, edit));
            text
        });
        for (texts, least) in [(written().boxed(), 60), (changed.boxed(), 30)] {
            let mut documents = 0;
            let mut read = 0;
            for _ in 0..500 {
                let text = texts.new_tree(&mut runner).unwrap().current();
                for document in text.split("---\n").filter(|document| !document.is_empty()) {
                    documents += 1;
                    read += usize::from(scan(FILE, 0, document).is_some());
                }
            }
            assert!(read * 100 >= documents * least, "the scanner reads {read} of {documents}");
        }
    }

    /// Each of these is short enough to try every text of a few signs.
    #[test]
    fn every_short_text_is_read_alike() {
        let signs = ["a", ":", " ", "-", "\n", "#", "'", "\"", "[", "]", "{", ",", "x: "];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            let longer = texts.iter().flat_map(|text| signs.map(|sign| format!("{text}{sign}")));
            texts = longer.collect();
            for text in &texts {
                for whole in [
                    text.clone(),
                    format!("k: {text}"),
                    format!("- {text}"),
                    format!("k: [{text}]"),
                ] {
                    alike(&whole).unwrap();
                }
            }
        }
    }
}
