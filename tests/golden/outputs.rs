//! `cases/outputs/`: the forms for machines over diagnostics with hostile names and messages.

use std::path::Path;

use serde_json::Value;
use trunkline::diag::{
    Code, Diagnostic, SourceMap, Span, render_first, render_github, render_json, render_junit,
    render_sarif, render_text,
};
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::model::{Commit, ScopeOwner, SignatureForm, Signers};
use trunkline::validate::{Breach, Demand, validate};

const HOSTILE_PATH: &str = "t/a b,c:d%e\n::error::\"<x>&'ü?#.yaml";
const HOSTILE_TEXT: &str =
    "50% of <b>\"x\"</b> & 'y' ]]>\r\n::error file=z::{0} [a](1)\u{1b}[31m\u{0}ü";

/// Several diagnostics, in two of three files and in none.
fn fixture() -> (SourceMap, Vec<Diagnostic>) {
    let mut sources = SourceMap::default();
    let hostile = sources.add(HOSTILE_PATH, "kind: ü\nmetadata:\n  name: x\n");
    sources.add("sound.yaml", "kind: Tenant\n");
    let plain = sources.add("b.yaml", "a: 1\nb: 2\n");
    let at = |file, start, end| Span { file, start, end };
    let found = vec![
        Diagnostic::new(Code::TL804, "no place"),
        Diagnostic::new(Code::TL102, HOSTILE_TEXT)
            .at(at(hostile, 6, 8))
            .of("Trunk/acme/\"x\"")
            .help("write `a`, `b`: or 100%\nof c"),
        Diagnostic::new(Code::TL202, "declared twice")
            .at(at(hostile, 9, 29))
            .related(at(plain, 5, 9), HOSTILE_TEXT)
            .related(None, "and by the live state"),
        Diagnostic::new(Code::TL301, "shared numbers").at(at(plain, 0, 4)),
    ];
    (sources, found)
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/outputs").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name}");
}

fn sarif() -> Value {
    let (sources, found) = fixture();
    let mut log = render_sarif(&found, &sources, "voip/");
    // So that a release does not change the golden text.
    log["runs"][0]["tool"]["driver"]["semanticVersion"] = "0.0.0".into();
    log
}

#[test]
fn sarif_prints_its_text_and_obeys_the_published_schema() {
    let mut log = sarif();
    let path = "tests/data/sarif/sarif-2.1.0-rtm.5.json";
    let schema = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut schema: Value = serde_json::from_slice(&schema).unwrap();
    // One pattern of the published schema is no regular expression (`]` without `[`); it is about
    // the language of messages, which we do not write.
    for owner in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][owner]["properties"]["language"];
        assert!(language.as_object_mut().unwrap().remove("pattern").is_some());
    }
    assert!(log["runs"][0].get("language").is_none());
    let validator = jsonschema::draft4::new(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    // The schema is not an empty one.
    let mut wrong = log.clone();
    wrong["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator.is_valid(&wrong));
    let rules = log["runs"][0]["tool"]["driver"]["rules"].take();
    let ids: Vec<_> = rules.as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    let all: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(ids, all);
    for result in log["runs"][0]["results"].as_array_mut().unwrap() {
        let index = result["ruleIndex"].take().as_u64().unwrap();
        let index = usize::try_from(index).unwrap();
        assert_eq!(result["ruleId"], all[index]);
    }
    // Rules and indices change with each new code; they were compared above.
    compare("sarif.json", &format!("{log:#}\n"));
}

#[test]
fn junit_prints_its_text_and_has_nothing_that_xml_forbids() {
    let (sources, found) = fixture();
    let text = render_junit(&found, &sources, "voip/", false, |_| true);
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()));
    assert_eq!(text.matches("<testsuite ").count(), 4, "three files and the whole input");
    assert_eq!(text.matches("<failure ").count(), found.len());
    compare("junit.xml", &text);
    let none = render_junit(&[], &sources, "", false, |path| path == "sound.yaml");
    assert_eq!(
        none.matches("<testsuite ").count(),
        1,
        "a file that nobody asked for passed nothing"
    );
}

#[test]
fn github_prints_its_text_and_no_manifest_can_write_a_command() {
    let (sources, found) = fixture();
    let text = render_github(&found, &sources, "voip/");
    assert_eq!(text.lines().count(), found.len(), "one line each, whatever the names hold");
    for line in text.lines() {
        let (properties, _) = line["::error ".len()..].split_once("::").unwrap();
        let keys: Vec<_> =
            properties.split(',').map(|one| one.split_once('=').unwrap().0).collect();
        assert!(
            keys.iter().all(|key| {
                ["file", "line", "col", "endLine", "endColumn", "title"].contains(key)
            })
        );
    }
    compare("github.txt", &text);
}

#[test]
fn human_and_json_print_their_texts() {
    let (sources, found) = fixture();
    let text = render_text(&found, &sources, false);
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    assert_eq!(render_first(&found, &sources, false), text);
    compare("human.txt", &text);
    compare("json.json", &format!("{:#}\n", render_json(&found, &sources)));
}

#[test]
fn a_person_is_shown_100_of_each_code_and_how_many_more_there_are() {
    let (sources, found) = fixture();
    let mut many: Vec<_> =
        (0..250).map(|at| Diagnostic::new(Code::TL103, at.to_string())).collect();
    many.push(found[3].clone());
    let text = render_first(&many, &sources, false);
    assert_eq!(text.matches("error[TL103]").count(), 100);
    assert!(text.contains("error[TL103]: 99\n") && !text.contains("error[TL103]: 100\n"));
    assert_eq!(text.matches("error[TL301]").count(), 1);
    assert!(text.ends_with("\nand 150 more of TL103: the field is unknown\n"), "{text}");
}

/// A commit that lacks something, with what it touches.
fn breach(at: usize, what: impl Fn(Demand) -> Breach) -> (Commit, Breach) {
    let id = |digit: usize| format!("{digit:x}").repeat(40).parse().unwrap();
    let demand = |scope, files: &[&str]| Demand {
        signers: Signers { scope, keys: Vec::new(), files: Vec::new() },
        files: files.iter().map(|file| (*file).to_owned()).collect(),
    };
    let demand = match at % 2 {
        0 => demand(ScopeOwner::System, &["a.yaml", "b.yaml", "c.yaml", "d\n.yaml", "e.yaml"]),
        _ => demand(ScopeOwner::Tenant("acme".parse().unwrap()), &["tenants/acme/\u{202e}.yaml"]),
    };
    let commit = Commit {
        id: id(at),
        tree: id(0),
        parents: Vec::new(),
        subject: format!("commit {at}"),
        signature: SignatureForm::None,
    };
    (commit, what(demand))
}

#[test]
fn what_commits_lack_is_told_in_words() {
    let policy = "apiVersion: trunkline.dev/v1\nkind: Policy\nmetadata: {name: policy}\nspec:\n  signers:\n  - {scope: system, files: [keys]}\n";
    let content = Content::Text(policy.into());
    let file = SourceFile { path: "a.yaml".to_owned(), content };
    let mut checked = validate(&SourceTree { files: vec![file], rooted: true });
    let key = || "ED25519 key SHA256:abc".to_owned();
    checked.refuse(&[
        breach(1, Breach::Unsigned),
        breach(2, Breach::Unsigned),
        breach(3, |demand| Breach::Form(demand, SignatureForm::OpenPgp)),
        breach(4, |demand| Breach::Form(demand, SignatureForm::X509)),
        breach(5, |demand| Breach::UnknownKey(demand, key())),
        breach(6, |demand| Breach::NotValidThen(demand, key())),
        breach(7, Breach::Bad),
        breach(8, |demand| Breach::NoList(demand, "keys".to_owned())),
        breach(9, |_| Breach::UnreadablePolicy("policy.yaml".to_owned())),
        breach(10, |_| Breach::CutOff),
    ]);
    checked.diagnostics.retain(|one| one.code == Code::TL602);
    compare("signatures.txt", &render_text(&checked.diagnostics, &checked.sources, false));
}
