//! The engine's thread on real sockets: listeners that open, stall, move and close.

#[cfg(test)]
mod halves;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod listeners;
#[cfg(test)]
mod names;
#[cfg(test)]
mod phones;
#[cfg(test)]
mod pki;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod undelivered;
