//! Blobs and commits by their names, many in one run of `cat-file --batch`.

use std::io::{self, BufRead, Read, Write};

use super::GitError;
use super::command::Git;
use crate::model::ObjectId;

/// The line before an object is at most this long.
const MAX_HEADER: u64 = 256;

/// Reads objects in the order in which they are asked for. None may be larger than `limit`: the
/// caller knows their sizes, or how large they may be.
pub(super) fn read(
    git: &Git,
    wanted: &[&ObjectId],
    limit: u64,
    mut take: impl FnMut(usize, Vec<u8>),
) -> Result<(), GitError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let write = |input: &mut dyn Write| {
        for id in wanted {
            writeln!(input, "{id}")?;
        }
        input.flush()
    };
    let mut fault = None;
    let (status, words) = git
        .talk(&["cat-file", "--batch", "--buffer"], write, |output| {
            for (index, id) in wanted.iter().enumerate() {
                let Some(size) = header(output)? else {
                    fault = Some(GitError::MissingObject(id.to_string()));
                    return Err(io::Error::other("missing"));
                };
                if size > limit {
                    fault = Some(GitError::TooMuch(format!("object {id} has {size} bytes")));
                    return Err(io::Error::other("too large"));
                }
                let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
                output.by_ref().take(size).read_to_end(&mut bytes)?;
                let mut line_end = [0];
                output.read_exact(&mut line_end)?;
                take(index, bytes);
            }
            Ok(())
        })
        .map_err(|error| fault.take().unwrap_or(error))?;
    if status.success() { Ok(()) } else { Err(super::command::failed(&words)) }
}

/// The size of the object that follows; `None` when it is missing.
fn header(output: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut line = String::new();
    output.by_ref().take(MAX_HEADER).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::other("it ended before all objects were read"));
    }
    let mut words = line.split_whitespace();
    let size = words.nth(2).and_then(|size| size.parse().ok());
    Ok(size)
}
