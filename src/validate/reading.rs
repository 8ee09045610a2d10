//! From the files of a tree to resources, one document after the other: no tree of nodes outlives
//! the reading of its document, so that memory follows the resources and not the text.

use std::ops::Range;
use std::sync::Arc;

use super::declared::Declared;
use super::places::Place;
use crate::diag::{Code, Diagnostic, FileId, SourceMap, Span};
use crate::manifest::characters::{self, Mistaken};
use crate::manifest::decode::{Declares, Decoded, decode};
use crate::manifest::direct;
use crate::manifest::fences;
use crate::manifest::markers;
use crate::manifest::numbers;
use crate::manifest::salvage::Rest;
use crate::manifest::slips;
use crate::manifest::tree::{Content, MAX_FILE_BYTES, SourceFile, SourceTree};
use crate::manifest::yaml::{self, Document, Parsed, Segment};
use crate::model::{Resource, ResourceId};

/// What some editors write at the beginning of a UTF-8 file: no part of its first line.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Faulty documents that are read again for what is behind their faults; further ones are told as they
/// are. Far more than are shown of any code.
const MAX_SOUGHT: usize = 1000;

/// What the files of a tree hold.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The files' texts.
    pub sources: SourceMap,
    /// The documents whose identity can be read, in the order of their files; an identity may
    /// stand several times.
    pub found: Vec<Found>,
    /// What the other documents may declare.
    pub declared: Declared,
    /// How many documents there are.
    pub documents: usize,
    /// Faulty documents that were read again for what is behind their faults.
    sought: usize,
    /// What is wrong with files and with documents by themselves.
    pub diagnostics: Vec<Diagnostic>,
}

/// A document whose identity can be read.
#[derive(Debug)]
pub(super) struct Found {
    /// The identity.
    pub id: ResourceId,
    /// Where it stands.
    pub place: Place,
    /// The fault's place, if it cannot be parsed and its lines only seem to declare this.
    pub broken: Option<Span>,
    /// The resource; `None` if the document is refused.
    pub resource: Option<Arc<Resource>>,
    /// What is left of a refused one.
    pub rest: Option<Box<Rest>>,
}

/// Reads every document of a tree.
pub(super) fn read(tree: &SourceTree) -> Reading {
    let mut reading = Reading::default();
    for file in &tree.files {
        reading.file(file);
    }
    reading
}

impl Reading {
    fn file(&mut self, file: &SourceFile) {
        let (code, message, help) = match &file.content {
            Content::Text(text) => return self.text(&file.path, text, None),
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
                "it is a symbolic link, which is not followed: what it leads to is not read"
                    .to_owned(),
                "put the file or folder itself here, or name the link in .trunklineignore",
            ),
            Content::Outside(words) => (
                Code::TL603,
                words.clone(),
                "put the manifests themselves into this repository, or name it in .trunklineignore",
            ),
        };
        self.declared.refuse(Declares::Anything);
        let file = self.sources.add(&file.path, "");
        self.diagnostics.push(Diagnostic::new(code, message).at(point(file, 0)).help(help));
    }

    fn bytes(&mut self, path: &str, bytes: &[u8]) {
        let lossy: Arc<str> = String::from_utf8_lossy(bytes).into();
        // Everything before the first wrong byte stands at the same place in the lossy text.
        let fault = std::str::from_utf8(bytes).err().map(|error| error.valid_up_to());
        self.text(path, &lossy, fault.map(|at| (at, not_utf8(bytes, at))));
    }

    /// A text, with what is wrong with the bytes that it was made from.
    fn text(&mut self, path: &str, text: &Arc<str>, fault: Option<(usize, Diagnostic)>) {
        let mark = text.strip_prefix(BYTE_ORDER_MARK);
        let text = mark.map_or_else(|| Arc::clone(text), Arc::from);
        let text = unified(text);
        let file = self.sources.add(path, Arc::clone(&text));
        let conflict = slips::conflicts(&text);
        let sound = fault.is_none() && conflict.is_none();
        self.diagnostics.extend(fault.map(|(at, fault)| {
            let skipped = mark.map_or(0, |_| BYTE_ORDER_MARK.len_utf8());
            fault.at(point(file, at.saturating_sub(skipped)))
        }));
        let in_conflict = conflict.is_some();
        self.diagnostics.extend(conflict.map(|found| unfinished(file, found)));
        let before = self.diagnostics.len();
        let mut faulty = !sound;
        for segment in yaml::split(&text) {
            if let Some(resource) = direct::read(segment.text) {
                self.sound(resource, Place::new(file, segment, 0));
                continue;
            }
            let Some(cut) = markers::cut(file, segment).filter(|_| sound) else {
                faulty |= self.segment(file, segment, (&text, sound, in_conflict));
                continue;
            };
            faulty = true;
            self.diagnostics.extend(cut.told);
            for part in cut.parts {
                match direct::read(part.text) {
                    Some(resource) => self.sound(resource, Place::new(file, part, 0)),
                    None => drop(self.segment(file, part, (&text, sound, in_conflict))),
                }
            }
        }
        // A document has one of the two fences around it, and another one the other.
        let mut found = self.diagnostics.split_off(before);
        let mut told = false;
        found.retain(|one| one.message != fences::FENCE || !std::mem::replace(&mut told, true));
        self.diagnostics.append(&mut found);
        if faulty {
            // The formatter leaves a file that is no YAML as it is.
            let told = self.diagnostics.get_mut(before..);
            numbers::without_formatter(told.unwrap_or_default());
        }
    }

    /// One segment of a text that cannot be read directly: whether its YAML is faulty. What is wrong with
    /// it is told where the file is `sound` otherwise.
    fn segment(
        &mut self,
        file: FileId,
        segment: Segment<'_>,
        (text, sound, in_conflict): (&str, bool, bool),
    ) -> bool {
        if sound && let Some(mistaken) = self.sought(file, segment) {
            self.mistaken(mistaken, Place::new(file, segment, 0));
            return true;
        }
        let mut parsed = Parsed::default();
        yaml::parse_segment(file, segment, &mut parsed);
        // What the parser makes of a text that is not the file's says nothing of the file.
        let faulty = !parsed.diagnostics.is_empty();
        self.diagnostics.extend(parsed.diagnostics.into_iter().filter(|_| sound));
        for (index, document) in parsed.documents.into_iter().enumerate() {
            let is_tree = matches!(document.content, yaml::Content::Tree(_));
            if in_conflict && !is_tree {
                // Either side of it may declare the same.
                self.declared.refuse(decode(&document, text).declares);
                self.documents += 1;
                continue;
            }
            self.document(&document, text, Place::new(file, segment, index));
        }
        faulty
    }

    /// What lines or characters are wrong in a faulty document: it is read again for that.
    fn sought(&mut self, file: FileId, segment: Segment<'_>) -> Option<Mistaken> {
        if self.sought == MAX_SOUGHT {
            return None;
        }
        self.sought += 1;
        characters::mistaken(file, segment)
    }

    /// A document without any fault by itself.
    fn sound(&mut self, resource: Resource, place: Place) {
        self.documents += 1;
        let (id, resource) = (resource.id(), Some(Arc::new(resource)));
        self.found.push(Found { id, place, broken: None, resource, rest: None });
    }

    /// A document with characters that look like those of YAML.
    fn mistaken(&mut self, mistaken: Mistaken, place: Place) {
        let Mistaken { diagnostics, declares } = mistaken;
        self.documents += 1;
        let broken = diagnostics.first().and_then(|told| told.span);
        self.diagnostics.extend(diagnostics);
        match declares {
            Declares::Resource(id) => {
                self.found.push(Found { id, place, broken, resource: None, rest: None });
            }
            less @ (Declares::Either(..)
            | Declares::Some(_)
            | Declares::Anything
            | Declares::Nothing) => {
                self.declared.refuse(less);
            }
        }
    }

    fn document(&mut self, document: &Document, text: &str, place: Place) {
        let Decoded { declares, resource, rest, diagnostics } = decode(document, text);
        self.documents += 1;
        self.diagnostics.extend(diagnostics);
        let resource = resource.map(Arc::new);
        match declares {
            Declares::Resource(id) => {
                // The resource's own identity shares its texts.
                let id = resource.as_ref().map_or(id, |resource| resource.id());
                let broken = matches!(document.content, yaml::Content::Broken(_));
                let broken = broken.then_some(document.span);
                let rest = rest.map(Box::new);
                self.found.push(Found { id, place, broken, resource, rest });
            }
            less @ (Declares::Either(..)
            | Declares::Some(_)
            | Declares::Anything
            | Declares::Nothing) => {
                self.declared.refuse(less);
            }
        }
    }
}

/// A text whose lines end as everybody counts them: a carriage return alone, which YAML takes for a
/// line end, becomes a line feed. No byte moves.
fn unified(text: Arc<str>) -> Arc<str> {
    let bytes = text.as_bytes();
    let alone = |at: usize| bytes.get(at + 1) != Some(&b'\n');
    if !memchr::memchr_iter(b'\r', bytes).any(alone) {
        return text;
    }
    let mut lines = text.replace('\r', "\n").into_bytes();
    for at in memchr::memchr_iter(b'\r', bytes).filter(|at| !alone(*at)) {
        if let Some(byte) = lines.get_mut(at) {
            *byte = b'\r';
        }
    }
    String::from_utf8(lines).map_or(text, Arc::from)
}

fn unfinished(file: FileId, (first, count): (Range<usize>, usize)) -> Diagnostic {
    let message = match count {
        1 => "a merge conflict is not resolved: git's lines stand in the file".to_owned(),
        count => format!("{count} merge conflicts are not resolved: git's lines stand in the file"),
    };
    let mut span = point(file, first.start);
    span.end = u32::try_from(first.end).unwrap_or(u32::MAX);
    Diagnostic::new(Code::TL001, message)
        .at(span)
        .help("keep what is meant, and remove the lines `<<<<<<<`, `=======` and `>>>>>>>`")
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
