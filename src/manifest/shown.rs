//! Texts of the input inside messages.

use crate::diag::{without_passwords, without_secrets};

/// A key of the input inside a message: behind the name of a secret may stand the secret.
pub(crate) fn shown_key(key: &str) -> String {
    shown(&without_secrets(key))
}

/// A text of the input inside a message, cut where it would drown the message.
pub(crate) fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    let text = &*without_passwords(text);
    let mut shown: String = text.chars().take(MAX_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
