//! Calls through the engine's core: scripted time and packets, no sockets.

#[cfg(test)]
mod basic;
#[cfg(test)]
mod world;
