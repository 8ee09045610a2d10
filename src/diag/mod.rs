//! What we say to a person: codes, spans, diagnostics and their printers.
//!
//! A diagnostic is data; the renderers beside it turn it into text or JSON. Nothing here reads a
//! file, and nothing here knows a resource's type.
#![deny(clippy::disallowed_methods)]

mod code;
mod explain;
mod hidden;
mod render_github;
mod render_json;
mod render_junit;
mod render_sarif;
mod render_text;
mod secret_words;
mod source_map;
mod unsaid;
mod uri_passwords;
mod visible;

pub use code::{Code, Severity};
pub use explain::{Explanation, explanation};
pub use hidden::{HIDDEN, without_secrets};
pub use render_github::render_github;
pub use render_json::{JsonDiagnostics, render_json};
pub use render_junit::render_junit;
pub use render_sarif::render_sarif;
pub use render_text::{render_first, render_text};
pub use secret_words::{SECRET_FIELDS, is_secret};
pub use source_map::{FileId, Position, SourceMap, Span};
pub use unsaid::leave_secrets_out;
pub use uri_passwords::without_passwords;
pub use visible::visible;

/// How many other places a rule gives one diagnostic at most.
pub const MAX_RELATED: usize = 1000;

/// How many other places of one diagnostic a person is shown; the other forms have all.
const MAX_PLACES: usize = 10;

/// How many places are not shown.
fn more_places(count: usize) -> String {
    format!("and {count} more place{}", if count == 1 { "" } else { "s" })
}

/// A further place that belongs to a diagnostic: the other end of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where it is; absent when the other side is live state without a file.
    pub span: Option<Span>,
    /// What stands there, one sentence.
    pub message: String,
}

/// One problem: what was found, where, why it is refused and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, which fixes severity and meaning.
    pub code: Code,
    /// What was found, one line without a full stop.
    pub message: String,
    /// Where; absent only for faults of the whole input (an empty directory).
    pub span: Option<Span>,
    /// The resource it concerns, as `Kind/tenant/name`.
    pub resource: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// Other places that belong to it, in the order to show them.
    pub related: Vec<Related>,
    /// Whether it follows from another mistake, so that it is not told beside that.
    pub follows: bool,
}

impl Diagnostic {
    /// A diagnostic with a code and a message, to be completed by the `with_*` calls.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: None,
            resource: None,
            help: None,
            related: Vec::new(),
            follows: false,
        }
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into();
        self
    }

    /// Sets the resource concerned.
    #[must_use]
    pub fn of(mut self, resource: impl ToString) -> Self {
        self.resource = Some(resource.to_string());
        self
    }

    /// Sets the advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        self.related.push(Related { span: span.into(), message: message.into() });
        self
    }

    /// Says that it follows from another mistake, if it does; one reason is enough.
    #[must_use]
    pub fn follows(mut self, follows: bool) -> Self {
        self.follows |= follows;
        self
    }

    /// The other places that a person is shown, and how many more there are.
    fn first_places(&self) -> (&[Related], usize) {
        let shown = self.related.get(..MAX_PLACES).unwrap_or(&self.related);
        (shown, self.related.len() - shown.len())
    }

    /// Error or warning, as the code says.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}
