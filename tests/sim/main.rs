//! Virtual time: the transaction machines and the whole engine in a simulated network.

#[cfg(test)]
mod against;
#[cfg(test)]
mod agent;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod drawings;
#[cfg(test)]
mod habits;
#[cfg(test)]
mod lossy;
#[cfg(test)]
mod model;
#[cfg(test)]
mod timers;
