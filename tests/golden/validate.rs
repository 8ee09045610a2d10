//! `cases/validate/<CODE>__<slug>.yaml` (or a folder of that name) with the text that `validate`
//! prints in `<CODE>__<slug>.diag`. A slug that begins with `ok-`, and the code `ok`, mean that
//! nothing is found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use trunkline::diag::{Code, Diagnostic, Severity, render_text};
use trunkline::manifest::tree::SourceTree;
use trunkline::source::directory;
use trunkline::validate::{Checked, check_resources, validate};

/// One case: its name and its files.
struct Case {
    name: String,
    tree: SourceTree,
    golden: PathBuf,
}

impl Case {
    /// The code that the name begins with.
    fn code(&self) -> &str {
        self.name.split("__").next().unwrap()
    }

    fn finds_nothing(&self) -> bool {
        self.code() == "ok" || self.name.contains("__ok-")
    }

    /// Whether a diagnostic is what the case is about: any error, and warnings of its own code. A
    /// plan of three documents has loose ends that other cases are about.
    fn is_about(&self, one: &Diagnostic) -> bool {
        one.severity() == Severity::Error || one.code.as_str() == self.code()
    }

    fn check(&self) -> Checked {
        let mut checked = validate(&self.tree);
        checked.diagnostics.retain(|one| self.is_about(one));
        checked
    }

    fn is_of_warning(&self) -> bool {
        let code = Code::find(self.code());
        code.is_some_and(|code| code.severity() == Severity::Warning)
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/validate");
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let inputs = paths.iter().filter(|path| path.is_dir() || path.extension().unwrap() == "yaml");
    let cases: Vec<_> = inputs.map(|path| read(path)).collect();
    assert!(!cases.is_empty());
    // Every text belongs to a case.
    let goldens: BTreeSet<_> = cases.iter().map(|case| case.golden.clone()).collect();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ext| ext == "diag")) {
        assert!(goldens.contains(path), "{} belongs to no case", path.display());
    }
    cases
}

fn read(path: &Path) -> Case {
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let tree = if path.is_dir() {
        directory::read(path).unwrap()
    } else {
        let file = path.file_name().unwrap().to_str().unwrap();
        SourceTree { files: vec![directory::read_file(path, file).unwrap()], rooted: false }
    };
    Case { name, tree, golden: path.with_extension("diag") }
}

fn rendered(checked: &Checked) -> String {
    render_text(&checked.diagnostics, &checked.sources, false)
}

#[test]
fn each_case_prints_its_text() {
    let mut wrong = Vec::new();
    for case in cases() {
        let text = rendered(&case.check());
        if std::env::var_os("UPDATE").is_some() {
            if case.finds_nothing() {
                continue;
            }
            std::fs::write(&case.golden, &text).unwrap();
        }
        let golden = if case.finds_nothing() {
            String::new()
        } else {
            std::fs::read_to_string(&case.golden).unwrap_or_default()
        };
        if text != golden {
            wrong.push(format!("=== {}\n--- expected\n{golden}--- found\n{text}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_case_finds_the_code_of_its_name() {
    let mut wrong = Vec::new();
    for case in cases() {
        let checked = case.check();
        let codes: BTreeSet<_> = checked.diagnostics.iter().map(|one| one.code.as_str()).collect();
        let as_named = if case.finds_nothing() {
            let set = checked.desired.as_ref().map(|desired| desired.resources());
            let silent = |set| !check_resources(set).iter().any(|one| case.is_about(one));
            codes.is_empty() && set.is_some_and(|set| silent(set))
        } else {
            codes.contains(case.code()) && checked.desired.is_none() != case.is_of_warning()
        };
        if !as_named {
            wrong.push(format!("{} finds {codes:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_diagnostic_has_a_place_and_advice() {
    let mut wrong = BTreeSet::new();
    for case in cases() {
        for Diagnostic { help, message, span, .. } in validate(&case.tree).diagnostics {
            let advised = help.is_some_and(|help| !help.is_empty());
            if !advised || span.is_none() || message.ends_with('.') {
                wrong.insert(format!("{}: {message}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Also behind what is hidden or spelled out: the place is that of the file, as in the other forms.
#[test]
fn the_place_that_is_printed_is_that_of_the_file() {
    let mut wrong = Vec::new();
    for case in cases() {
        let Checked { diagnostics, sources, .. } = validate(&case.tree);
        for one in &diagnostics {
            let Some(span) = one.span else { continue };
            let at = sources.start(span);
            let place = format!("--> {}:{}:{}", sources.path(span.file), at.line, at.column);
            let text = render_text(std::slice::from_ref(one), &sources, false);
            if !text.lines().any(|line| line.trim_start() == place) {
                wrong.push(format!("{}: not at {place}\n{text}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Codes that no manifest alone can cause: links and empty trees are tested with real files, the
/// rest on another day, at a commit, or against a live state.
const ELSEWHERE: &[Code] = &[
    Code::TL414,
    Code::TL602,
    Code::TL703,
    Code::TL704,
    Code::TL801,
    Code::TL802,
    Code::TL803,
    Code::TL804,
    Code::TL805,
];

#[test]
fn every_code_has_a_case() {
    let cases = cases();
    for code in Code::ALL.iter().filter(|code| !ELSEWHERE.contains(code)) {
        for (finds_nothing, what) in [(false, "failing"), (true, "passing")] {
            let has =
                |case: &Case| case.code() == code.as_str() && case.finds_nothing() == finds_nothing;
            assert!(cases.iter().any(has), "no {what} case for {code}");
        }
    }
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let nameless: Vec<_> = cases
        .iter()
        .filter(|case| case.code() != "ok" && !codes.contains(case.code()))
        .map(|case| &case.name)
        .collect();
    assert!(nameless.is_empty(), "these name no code: {nameless:?}");
}
