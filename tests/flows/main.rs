//! Calls through the engine's core: scripted time and packets, no sockets.

#[cfg(test)]
mod basic;
#[cfg(test)]
mod early;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod forks;
#[cfg(test)]
mod handset;
mod histories;
#[cfg(test)]
mod inside;
#[cfg(test)]
mod keepalive;
#[cfg(test)]
mod late;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod merged;
#[cfg(test)]
mod names;
#[cfg(test)]
mod odd;
#[cfg(test)]
mod own;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod registrar;
#[cfg(test)]
mod registrars;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod time_asked;
#[cfg(test)]
mod timers;
mod too_long;
#[cfg(test)]
mod trails;
#[cfg(test)]
mod transfers;
#[cfg(test)]
mod tried_again;
#[cfg(test)]
mod undelivered;
#[cfg(test)]
mod undone;
#[cfg(test)]
mod usages;
#[cfg(test)]
mod world;
#[cfg(test)]
mod zone;
