//! Runs every case under `tests/cases` and compares with the file beside it. `UPDATE=1` rewrites
//! those files; read the difference before you commit it.

#[cfg(test)]
mod one_mistake;
#[cfg(test)]
mod one_mistake_of_init;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod validate;
