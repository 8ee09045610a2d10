//! Locating SIP servers: zones as text in, targets in order out; and what time and failures do.

#[cfg(test)]
mod lookups;
#[cfg(test)]
mod passing;
#[cfg(test)]
#[path = "../flows/zone.rs"]
mod zone;
