//! The daemon as a process: what it does with its directory, its state, its signals and its API.

#[cfg(test)]
mod api;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod following;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod phone;
#[cfg(test)]
mod starting;
#[cfg(test)]
mod transports;
