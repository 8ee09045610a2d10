//! What stands in a text, one step after the other: the fast reader's whole grammar, for those who
//! make a tree of it and for those who need none. `None` is always: the full parser has to look.

use super::cursor::Cursor;
use super::scalar::Token;

/// What stands at the cursor.
pub(in crate::manifest) enum Opened<'a> {
    /// A scalar; the cursor is past it.
    Scalar(Token<'a>),
    /// A value that was left out.
    Nothing,
    /// A mapping, to be read key by key.
    Mapping(Frame),
    /// A list, to be read item by item.
    Sequence(Frame),
}

/// A collection that is being read.
#[derive(Clone, Copy)]
pub(in crate::manifest) struct Frame {
    /// Where it begins.
    pub(super) start: usize,
    /// Where one in brackets ended; the cursor may have gone on to another line.
    pub(super) end: usize,
    form: Form,
    begun: bool,
}

#[derive(Clone, Copy)]
enum Form {
    /// In lines that begin at this column; a list `beside` keys stands at the column of these.
    Block { column: usize, beside: bool },
    /// In brackets; the `outermost` ones are followed by nothing on their line.
    Flow { outermost: bool },
}

impl Frame {
    fn block(start: usize, column: usize, beside: bool) -> Self {
        Self { start, end: start, form: Form::Block { column, beside }, begun: false }
    }

    pub(super) fn is_flow(self) -> bool {
        matches!(self.form, Form::Flow { .. })
    }

    /// Whether this is a list without a collection of its own, to the full parser.
    pub(super) fn is_beside_keys(self) -> bool {
        matches!(self.form, Form::Block { beside: true, .. })
    }
}

impl<'a> Cursor<'a> {
    /// The value of the one document in the text.
    pub(in crate::manifest) fn document(&mut self) -> Option<Opened<'a>> {
        self.first_line()?;
        let column = self.line()?;
        Some(self.block(column))
    }

    /// A mapping or a list whose first line is this one, at this column.
    fn block(&self, column: usize) -> Opened<'a> {
        let frame = Frame::block(self.at(), column, false);
        if self.at_dash() { Opened::Sequence(frame) } else { Opened::Mapping(frame) }
    }

    /// The next key of a mapping with its colon; nothing at its end.
    pub(in crate::manifest) fn next_key(&mut self, frame: &mut Frame) -> Option<Option<Token<'a>>> {
        let first = !std::mem::replace(&mut frame.begun, true);
        match frame.form {
            Form::Block { column, .. } => match self.line() {
                _ if first => {}
                Some(indent) if indent == column => {}
                Some(indent) if indent > column => return None,
                _ => return Some(None),
            },
            Form::Flow { outermost } => {
                let ends = if first { self.flow_ends_at_once(b'}') } else { self.flow_ends(b'}')? };
                if ends {
                    frame.end = self.at();
                    return self.after_flow(outermost).map(|()| None);
                }
                let key = self.flow_key()?;
                self.skip_spaces();
                return Some(Some(key));
            }
        }
        self.key().map(Some)
    }

    /// The value of the key that was read last.
    pub(in crate::manifest) fn value(&mut self, frame: &Frame) -> Option<Opened<'a>> {
        let Form::Block { column, .. } = frame.form else { return self.flow_value() };
        self.skip_spaces();
        if !self.at_line_end() {
            return self.inline();
        }
        self.next_line()?;
        Some(match self.line() {
            Some(indent) if indent > column => self.block(indent),
            // A list may stand at the column of its key.
            Some(indent) if indent == column && self.at_dash() => {
                Opened::Sequence(Frame::block(self.at(), column, true))
            }
            _ => Opened::Nothing,
        })
    }

    /// The next item of a list; nothing at its end.
    pub(in crate::manifest) fn next_item(
        &mut self,
        frame: &mut Frame,
    ) -> Option<Option<Opened<'a>>> {
        let first = !std::mem::replace(&mut frame.begun, true);
        match frame.form {
            Form::Block { column, beside } => {
                match self.line() {
                    _ if first => {}
                    Some(indent) if indent == column && self.at_dash() => {}
                    Some(indent) if indent > column || (indent == column && !beside) => {
                        return None;
                    }
                    _ => return Some(None),
                }
                self.item(column).map(Some)
            }
            Form::Flow { outermost } => {
                let ends = if first { self.flow_ends_at_once(b']') } else { self.flow_ends(b']')? };
                if ends {
                    frame.end = self.at();
                    return self.after_flow(outermost).map(|()| None);
                }
                self.flow_value().map(Some)
            }
        }
    }

    /// What stands after the dash that is here, at this column.
    fn item(&mut self, column: usize) -> Option<Opened<'a>> {
        let dash = self.at();
        self.skip(1);
        self.skip_spaces();
        if self.at_line_end() {
            return None;
        }
        let frame = Frame::block(self.at(), column + (self.at() - dash), false);
        if self.at_dash() {
            return Some(Opened::Sequence(frame));
        }
        if self.before_key() {
            return Some(Opened::Mapping(frame));
        }
        self.inline()
    }

    /// A value that ends on this line.
    fn inline(&mut self) -> Option<Opened<'a>> {
        match self.byte()? {
            b'[' | b'{' => self.flow(true),
            _ => {
                let token = self.scalar(false)?;
                self.next_line()?;
                Some(Opened::Scalar(token))
            }
        }
    }

    fn flow_value(&mut self) -> Option<Opened<'a>> {
        match self.byte()? {
            b'[' | b'{' => self.flow(false),
            _ => self.scalar(true).map(Opened::Scalar),
        }
    }

    /// The collection whose bracket stands here.
    fn flow(&mut self, outermost: bool) -> Option<Opened<'a>> {
        let start = self.at();
        let frame = Frame { start, end: start, form: Form::Flow { outermost }, begun: false };
        let mapping = self.byte()? == b'{';
        self.skip(1);
        Some(if mapping { Opened::Mapping(frame) } else { Opened::Sequence(frame) })
    }

    /// Passes the bracket that ends an empty collection, if it is empty.
    fn flow_ends_at_once(&mut self, bracket: u8) -> bool {
        self.skip_spaces();
        let empty = self.byte() == Some(bracket);
        self.skip(usize::from(empty));
        empty
    }

    /// Passes a comma, or the bracket that ends the collection.
    fn flow_ends(&mut self, bracket: u8) -> Option<bool> {
        self.skip_spaces();
        let found = self.byte()?;
        self.skip(1);
        if found == b',' {
            self.skip_spaces();
            return Some(false);
        }
        (found == bracket).then_some(true)
    }

    /// Nothing stands behind the outermost brackets on their line.
    fn after_flow(&mut self, outermost: bool) -> Option<()> {
        if outermost { self.next_line() } else { Some(()) }
    }
}
