//! What the engine tells of itself: values for status, plan impact and the API.

use serde::{Deserialize, Serialize};

use super::revision::Revision;

/// Whether a transport or trunk does its work, as a condition with a CamelCase reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// In force and working.
    Ready,
    /// On its way.
    Reconciling,
    /// Cannot work until something changes; the message says what.
    Stalled,
    /// Declared, and switched off.
    Disabled,
}

/// A listener as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedTransport {
    /// `Transport/name`.
    pub resource: String,
    /// Ready when bound, Stalled when it cannot bind.
    pub condition: Condition,
    /// The bound address with its real port, `udp 127.0.0.1:5060`.
    pub address: String,
    /// Why it is not Ready, with the system's own words.
    pub message: Option<String>,
}

/// What the keep-alive says of a trunk's far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrunkHealth {
    /// Not probed yet, or keep-alive is off.
    Unknown,
    /// Answers.
    Up,
    /// Failed as often in a row as `failAfter` says; not hunted.
    Down,
}

/// One that is registered with us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedBinding {
    /// The extension or the trunk.
    pub resource: String,
    /// Its Contact.
    pub contact: String,
    /// What its REGISTER came over and from where, and where calls to it go.
    pub source: String,
    /// For how many more seconds it is good.
    pub seconds: u64,
}

/// How a registration of ours at a provider is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationState {
    /// Not answered for the first time yet.
    Registering,
    /// The registrar has us.
    Registered,
    /// Silence or a failure that may pass; tried again, ever less often.
    Failing,
    /// The registrar does not want us; the trunk is not hunted, and tried again slowly.
    Rejected,
    /// The request cannot be answered as it is configured; tried again every hour.
    Misconfigured,
    /// No longer wanted: waits for the last call, then takes its binding back.
    Leaving,
}

/// A registration of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedRegistration {
    /// How it is doing.
    pub state: RegistrationState,
    /// For how long, in whole seconds.
    pub since_seconds: u64,
    /// The last final code; absent: silence, or nothing yet.
    pub code: Option<u16>,
    /// Its phrase.
    pub reason: Option<String>,
    /// Its `Warning`.
    pub warning: Option<String>,
    /// Its `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// When the next REGISTER is due, in whole seconds.
    pub next_seconds: Option<u64>,
    /// For how many seconds the binding in force was granted.
    pub expires: Option<u32>,
    /// Whether the binding at the former place is still held, because the new one is not there yet.
    pub degraded: bool,
}

/// A trunk as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedTrunk {
    /// `Trunk/name` or `Trunk/tenant/name`.
    pub resource: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Ready, Reconciling (its name is being looked up), Stalled (its transport is, or its name has no
    /// address), Disabled.
    pub condition: Condition,
    /// Why it is not Ready, or what troubles it although it is.
    pub message: Option<String>,
    /// What the keep-alive says.
    pub health: TrunkHealth,
    /// How its registration at the provider is doing; absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<ObservedRegistration>,
    /// Calls in progress over it, both directions, whatever generation they began with.
    pub active_calls: u32,
    /// Where its calls go: its address, or the servers of its name by priority.
    pub targets: Vec<ObservedTarget>,
}

/// A target of a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedTarget {
    /// Address and port.
    pub address: String,
    /// Whether the keep-alive found it down: no calls go there.
    pub down: bool,
}

/// A resource that waits for a secret or a certificate and does not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedWaiting {
    /// `Transport/name`, `Trunk/name`, `Extension/tenant/name`.
    pub resource: String,
    /// What is missing, never a value (TL703).
    pub message: String,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// Not answered.
    Ringing,
    /// Answered.
    Established,
    /// A BYE or CANCEL is under way.
    Ending,
}

/// One call in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedCall {
    /// What the daemon calls it, `c2f`; it finds its messages.
    pub call: String,
    /// The Call-ID of the leg that began it.
    pub id: String,
    /// `inbound` (from a trunk) or `outbound`.
    pub direction: String,
    /// The tenant's name.
    pub tenant: String,
    /// The trunk it runs over, as a resource.
    pub trunk: String,
    /// The rule that routed it, as a resource.
    pub rule: String,
    /// Caller as presented.
    pub from: String,
    /// Called number as routed.
    pub to: String,
    /// How far it is.
    pub state: CallState,
    /// The generation it is pinned to.
    pub generation: u64,
    /// Age in whole seconds.
    pub seconds: u64,
}

/// What came from addresses that are nobody's, and what they were answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedStrangers {
    /// Packets from there.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Answers to them.
    pub answers: u64,
    /// The bytes of those.
    pub answer_bytes: u64,
}

/// The engine as a value, read once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// How many generations have been installed; 0 before the first.
    pub generation: u64,
    /// The revision of the generation in force.
    pub revision: Option<Revision>,
    /// Every listener.
    pub transports: Vec<ObservedTransport>,
    /// Every trunk of the generation in force, and removed ones that still carry calls.
    pub trunks: Vec<ObservedTrunk>,
    /// Calls in progress, oldest first, at most [`Observed::MAX_CALLS`].
    pub calls: Vec<ObservedCall>,
    /// Who is registered with us, in order of resource, at most [`Observed::MAX_BINDINGS`].
    #[serde(default)]
    pub bindings: Vec<ObservedBinding>,
    /// How many there are, also beyond the list.
    #[serde(default)]
    pub active_bindings: u64,
    /// How many calls there are, also beyond the list.
    pub active_calls: u64,
    /// Every resource that waits for a secret or a certificate, in order.
    #[serde(default)]
    pub waiting: Vec<ObservedWaiting>,
    /// Counted refusals and drops by stable reason (`UnknownSource`, `NoPool`, …).
    pub refusals: std::collections::BTreeMap<String, u64>,
    /// What strangers sent and got.
    pub strangers: ObservedStrangers,
    /// How calls ended, by stable reason (`CallerHungUp`, `Refused`, …).
    pub endings: std::collections::BTreeMap<String, u64>,
}

impl Observed {
    /// Bound of the call list.
    pub const MAX_CALLS: usize = 1000;
    /// Bound of the list of bindings.
    pub const MAX_BINDINGS: usize = 1000;
}
