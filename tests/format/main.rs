//! The canonical form: cases anyone can read, and what holds for every manifest of the repository.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod program;
