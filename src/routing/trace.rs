//! Who listens to a decision being made.

use crate::model::ResourceId;

/// How a station ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// The call goes on from here.
    Match,
    /// A candidate that lost; the detail says why.
    Lost,
    /// The call ends here.
    Refuse,
}

impl StepOutcome {
    /// One lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Lost => "lost",
            Self::Refuse => "refuse",
        }
    }
}

/// One station of a call's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `identify`, `number`, `pool`, `tenant`, `rule`, `destination`, `route`; in
    /// a simulation also `headers`.
    pub station: &'static str,
    /// How it ended.
    pub outcome: StepOutcome,
    /// The resource that decided, if one did.
    pub resource: Option<ResourceId>,
    /// The field that decided, as a JSON pointer into the document; empty for the whole.
    pub field: String,
    /// One sentence for a person.
    pub detail: String,
}

impl Step {
    /// A step without a resource.
    pub fn new(station: &'static str, outcome: StepOutcome, detail: String) -> Self {
        Self { station, outcome, resource: None, field: String::new(), detail }
    }

    /// Names the resource and field that decided.
    #[must_use]
    pub fn by(mut self, resource: &ResourceId, field: impl Into<String>) -> Self {
        self.resource = Some(resource.clone());
        self.field = field.into();
        self
    }
}

/// Hears of the stations of a decision. The closure is called only by listeners that keep steps.
pub trait Trace {
    /// One station.
    fn step(&mut self, step: impl FnOnce() -> Step);
}

/// Hears nothing.
impl Trace for () {
    fn step(&mut self, _: impl FnOnce() -> Step) {}
}

/// Keeps every step, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps(pub Vec<Step>);

impl Trace for Steps {
    fn step(&mut self, step: impl FnOnce() -> Step) {
        self.0.push(step());
    }
}
