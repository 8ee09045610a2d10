//! Texts that nobody writes, and texts that somebody does.

use proptest::prelude::*;

use super::cases::{formatted, holds};

/// Pieces of YAML that together are sometimes a document.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "apiVersion: trunkline.dev/v1\n",
        "kind: Trunk\n",
        "metadata:\n",
        "spec:\n",
        "  name: a\n",
        "    host: x\n",
        "  port: 1\n",
        "- a\n",
        "  - b\n",
        "  - c: 1\n",
        "    d: 2\n",
        "-\n",
        "# one\n",
        "  # two\n",
        "      # three\n",
        "\n",
        "  \n",
        "\t\n",
        "a: |\n",
        "  b: >+\n",
        "   text\n",
        "    more  \n",
        "x: &x 1\n",
        "y: *x\n",
        "z: {a: 1,\n",
        "  b: [2]}\n",
        "q: \"a\n",
        "  b\\\n",
        "  c\"\n",
        "---\n",
        "--- # four\n",
        "...\n",
        "k : v # five\n",
        "? e\n",
        ": f\n",
        "- - - g\n",
        "  -   h:   1   # six\n",
        "n:\n",
        "m: # seven\n",
        "s: !!str\n",
        "p: |2-\n",
        "\r\n",
    ]);
    prop::collection::vec(piece, 1..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn pieces_of_yaml_keep_what_they_say(text in pieces()) {
        holds("pieces", &text);
    }

    #[test]
    fn arbitrary_texts_do_no_harm(text in "[-?:,\\[\\]{}#&*!|>'\"%@` \\n\\r\\t~<a0\\\\]{0,120}") {
        let once = formatted(&text).text;
        prop_assert_eq!(&formatted(&once).text, &once);
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_are_made_plain() {
    let text = "\u{feff}apiVersion: trunkline.dev/v1\r\nkind: Tenant # x\r\nmetadata:\r\n  name: a\r\nspec:\r\n  sipDomain: a.b";
    let out = holds("crlf", text);
    assert_eq!(
        out.text,
        "apiVersion: trunkline.dev/v1\nkind: Tenant # x\nmetadata:\n  name: a\nspec:\n  sipDomain: a.b\n"
    );
}

#[test]
fn an_alias_never_comes_before_its_anchor() {
    let text = "spec:\n  numbers: &n \"100\"\n  trunk: *n\nkind: DidPool\n";
    let out = holds("alias", text);
    assert_eq!(out.text, "kind: DidPool\nspec:\n  numbers: &n \"100\"\n  trunk: *n\n");
}

#[test]
fn blanks_that_a_text_holds_stay() {
    let text = "a: |+\n  x  \n\n\n";
    assert_eq!(holds("keep", text).text, text);
    assert_eq!(holds("blank", "a: |\n  \n\nn:\n").text, "a: |\n\nn:\n");
    let text = "a: \"x\\ \n  y\"\n";
    assert_eq!(holds("escape", text).text, text);
}

#[test]
fn what_has_no_document_keeps_its_comments() {
    assert_eq!(holds("empty", "").text, "");
    assert_eq!(holds("comment", "\n\n# a\n\n\n# b\n\n").text, "# a\n\n# b\n");
    assert_eq!(holds("markers", "---\n---\n# a").text, "---\n---\n# a\n");
}

#[test]
fn very_long_and_very_deep_texts_are_read_once() {
    let document = "---\nkind: Tenant\napiVersion: trunkline.dev/v1\nspec:\n    sipDomain: a.b\nmetadata:\n    name: a # x\n";
    let many = document.repeat(20_000);
    let out = formatted(&many);
    assert_eq!(out.kept, Vec::<usize>::new());
    assert_eq!(out.text.len(), many.len() - 20_000 * 4);
    let one = format!("a:\n{}", "# comment\n- b\n".repeat(100_000));
    assert_eq!(formatted(&one).kept, Vec::<usize>::new());
    let comments = format!("a:\n  b:\n    c: 1\n{}", "      # deep\n".repeat(100_000));
    assert_eq!(formatted(&comments).kept, Vec::<usize>::new());
    let deep: String = (0..60).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(formatted(&deep).kept, Vec::<usize>::new());
}
