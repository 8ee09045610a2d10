//! From the files of a tree to documents: what cannot be read or parsed is told here.

use std::borrow::Cow;

use crate::diag::{Code, Diagnostic, FileId, SourceMap, Span};
use crate::manifest::tree::{Content, MAX_FILE_BYTES, SourceFile, SourceTree};
use crate::manifest::yaml::{self, Document};

/// What some editors write at the beginning of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The documents of a tree.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The files' texts.
    pub sources: SourceMap,
    /// The documents in the order of their files.
    pub documents: Vec<Document>,
    /// TL001 to TL004 and TL603.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether a file could not be read at all, so that it may declare anything.
    pub incomplete: bool,
}

/// Reads every document of a tree.
pub(super) fn load(tree: &SourceTree) -> Loaded {
    let mut loaded = Loaded::default();
    for file in &tree.files {
        loaded.file(file);
    }
    loaded
}

impl Loaded {
    fn file(&mut self, file: &SourceFile) {
        let (code, message, help) = match &file.content {
            Content::Bytes(bytes) => return self.bytes(&file.path, bytes),
            Content::TooLarge(size) => (
                Code::TL003,
                format!("the file is over {} MiB ({size} bytes or more)", MAX_FILE_BYTES >> 20),
                "split it into several files",
            ),
            Content::Unreadable(words) => {
                (Code::TL001, format!("cannot read it: {words}"), "check its permissions")
            }
            Content::NotAFile(words) => (
                Code::TL001,
                format!("cannot read it: {words}"),
                "remove it, or name it in .trunklineignore",
            ),
            Content::Symlink => (
                Code::TL603,
                "the manifest is a symbolic link, which is not followed".to_owned(),
                "put the file itself here, or name the link in .trunklineignore",
            ),
        };
        self.incomplete = true;
        let file = self.sources.add(&file.path, "");
        self.diagnostics.push(Diagnostic::new(code, message).at(point(file, 0)).help(help));
    }

    fn bytes(&mut self, path: &str, bytes: &[u8]) {
        // A byte order mark is no part of the first line.
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes);
        let file = self.sources.add(path, &*text);
        if let Err(error) = std::str::from_utf8(bytes) {
            // Everything before the first wrong byte stands at the same place in the lossy text.
            let at = point(file, error.valid_up_to());
            self.diagnostics.push(not_utf8(bytes, error.valid_up_to()).at(at));
        }
        let parsed = yaml::parse(file, &text);
        self.documents.extend(parsed.documents);
        if matches!(text, Cow::Borrowed(_)) {
            self.diagnostics.extend(parsed.diagnostics);
        }
    }
}

fn not_utf8(bytes: &[u8], at: usize) -> Diagnostic {
    let byte = bytes.get(at).copied().unwrap_or_default();
    let utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let help = if utf_16 {
        "the file looks like UTF-16: save it as UTF-8"
    } else {
        "save the file as UTF-8; if it is not a text file, give it another extension"
    };
    let message = format!("the file is not UTF-8: byte 0x{byte:02x} at offset {at}");
    Diagnostic::new(Code::TL004, message).help(help)
}

fn point(file: FileId, at: usize) -> Span {
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    Span { file, start: at, end: at }
}
