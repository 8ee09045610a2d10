//! `trunkline simulate` through the real binary: every `tests/cases/simulate/*.cmd` holds arguments,
//! the `.out` beside it what the program prints and returns. `UPDATE=1` rewrites the answers.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

fn answer(arguments: &str) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .arg("simulate")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let (stdout, stderr) =
        (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
    format!("{stdout}--- stderr\n{stderr}--- exit {}\n", run.status.code().unwrap())
}

#[test]
fn simulate_answers_as_written() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/simulate");
    let mut commands: Vec<_> = fs::read_dir(&cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cmd"))
        .collect();
    commands.sort();
    assert!(commands.len() >= 8, "the cases are missing");
    for command in commands {
        let found = answer(fs::read_to_string(&command).unwrap().trim());
        let expected = command.with_extension("out");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        let written = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(found, written, "{}", command.display());
    }
}
