//! `-o FORM[=FILE]`: which forms are wanted, and where each goes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Failure, Format};
use crate::manifest::suggest;

macro_rules! forms {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal,)*) => {
        /// A form of data. [`Format`] has those that every verb knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Form { $($(#[doc = $doc])+ $name,)* }

        const FORMS: &[(&str, Form)] = &[$(($word, Form::$name),)*];
    };
}

forms! {
    /// For people.
    Human "human",
    /// One JSON object.
    Json "json",
    /// For pull requests; plans only.
    Markdown "markdown",
    /// A SARIF 2.1.0 log; `validate` only.
    Sarif "sarif",
    /// JUnit XML; `validate` only.
    Junit "junit",
    /// Workflow commands of GitHub; `validate` only.
    Github "github",
}

/// Every form as written.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|(word, _)| *word)
}

/// One form and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sink {
    /// The form.
    pub(super) form: Form,
    /// The file; absent: stdout.
    pub(super) file: Option<PathBuf>,
}

impl FromStr for Sink {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, file) = match text.split_once('=') {
            Some((_, "")) => return Err("there is no file name behind `=`".to_owned()),
            Some((word, file)) => (word, Some(PathBuf::from(file))),
            None => (text, None),
        };
        match FORMS.iter().find(|(known, _)| *known == word) {
            Some((_, form)) => Ok(Self { form: *form, file }),
            None => Err(match suggest::nearest(word, words()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "the forms are human and json; of a plan also markdown; of `validate` also sarif, junit and github".to_owned()
                }
            }),
        }
    }
}

/// How often the command line says `-o`. clap keeps only those behind the verb when there are some on
/// both sides of it, so the count tells what it dropped.
pub(super) fn count_given(args: &[OsString]) -> usize {
    let words = args.iter().skip(1).map(|arg| arg.to_string_lossy());
    let options = words.take_while(|word| word != "--");
    let is_form =
        |word: &str| word == "--output" || word.starts_with("--output=") || word.starts_with("-o");
    options.filter(|word| is_form(word)).count()
}

/// The form of a verb that writes one, to stdout.
pub(super) fn single(sinks: &[Sink]) -> Result<Format, Failure> {
    let [sink] = sinks else {
        let failure = Failure::usage("only `validate` writes several forms at once");
        return Err(failure.help("give `-o` once"));
    };
    if sink.file.is_some() {
        let failure = Failure::usage("only `validate` writes a form to a file");
        return Err(failure.help("redirect stdout: `-o json > FILE`"));
    }
    match sink.form {
        Form::Human => Ok(Format::Human),
        Form::Json => Ok(Format::Json),
        Form::Markdown => Ok(Format::Markdown),
        Form::Sarif | Form::Junit | Form::Github => {
            let failure = Failure::usage("sarif, junit and github are forms of `validate`");
            Err(failure.help("give `-o human` or `-o json`"))
        }
    }
}

/// Refuses sinks of `validate` that would mix or overwrite each other; says what stdout gets.
pub(super) fn several(sinks: &[Sink]) -> Result<Format, Failure> {
    if sinks.iter().any(|sink| sink.form == Form::Markdown) {
        let failure = Failure::usage("only a plan is written as markdown");
        return Err(failure.help("give `-o human`, `json`, `sarif`, `junit` or `github`"));
    }
    for (at, sink) in sinks.iter().enumerate() {
        let mut earlier = sinks.iter().take(at);
        if !earlier.any(|other| other.file == sink.file) {
            continue;
        }
        let failure = match &sink.file {
            None => Failure::usage("stdout takes one form only"),
            Some(file) => Failure::usage(format!("two forms go to `{}`", file.display())),
        };
        return Err(failure.help("send the others to files of their own: `-o sarif=FILE`"));
    }
    let stdout = sinks.iter().find(|sink| sink.file.is_none());
    match stdout.map(|sink| sink.form) {
        Some(Form::Json) => Ok(Format::Json),
        Some(_) | None => Ok(Format::Human),
    }
}
