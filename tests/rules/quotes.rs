//! Quotes of word processors, which YAML does not know: in what is no prose they are told, and with them
//! all else.

use trunkline::diag::Diagnostic;

use super::single_breaks::{SOUND, errors};

#[test]
fn a_typographic_quote_hides_no_other_fault() {
    let quoted = SOUND.replacen("kind: Transport", "kind: “Transport”", 1);
    assert_eq!(errors(&quoted).len(), 1);
    let codes = |text: &str| errors(text).iter().map(|one| one.code.as_str()).collect::<Vec<_>>();
    let both = quoted.replacen("protocol: udp", "protocol: upd", 1);
    assert_eq!(codes(&both), ["TL001", "TL104"]);
    for (written, quoted) in [
        ("env: DESK", "file: “DESK”"),
        ("to: 442079460000", "to: “442079460000”"),
        ("from: 0044207946099", "from: „0044207946099“"),
    ] {
        assert_eq!(codes(&SOUND.replacen(written, quoted, 1)), ["TL001"], "{quoted}");
    }
    let name = SOUND.replacen("Acme Ltd", "“Acme” Ltd", 1);
    assert_eq!(codes(&name), [""; 0]);
}

#[test]
fn of_very_many_documents_the_first_thousand_are_read_again() {
    let one = "apiVersion: trunkline.dev/v1\nkind:\u{a0}Tenant\nmetadata:\n  name: acme\nspec:\n  countryCode: \"44\"\n";
    let found = errors(&vec![one; 1003].join("---\n"));
    let named = |one: &&Diagnostic| one.message.contains("(U+00A0)");
    assert_eq!(found.iter().filter(named).count(), 1000);
    // The others are not lost.
    assert!(found.iter().filter(|one| !named(one)).count() >= 3, "{found:#?}");
}
