//! From the text of a document to its resource in one go: no tree is made, and the schema is asked
//! value by value. Only sound and usual documents are read so; everything else is left to those who
//! can tell what is wrong with it. What is read here is exactly what they would come to.

mod de;

use super::node::Meaning;
use super::scanner::{Cursor, Frame, Opened};
use super::{numbers, schema};
use crate::model::{
    API_VERSION, DidPool, Extension, InboundRule, Kind, Metadata, OutboundRule, Policy, Resource,
    RouteTest, Schedule, Spec, Tenant, Transport, Trunk,
};
use de::Value;

/// The resource of the one document in `text`. `None`: the text has to be read with its places, by
/// [`super::yaml::parse_segment`] and [`super::decode::decode`].
pub fn read(text: &str) -> Option<Resource> {
    let mut cursor = Cursor::new(text)?;
    let Opened::Mapping(mut frame) = cursor.document()? else { return None };
    let (mut version, mut kind, mut metadata, mut spec) = (None, None, None, None);
    while let Some(key) = cursor.next_key(&mut frame)? {
        let twice = match (&*key.text, kind) {
            ("apiVersion", _) => version.replace(word(&mut cursor, &frame, is_version)?).is_some(),
            ("kind", _) => kind.replace(word(&mut cursor, &frame, known_kind)?).is_some(),
            // Without the kind nobody knows what they may say: it stands in front of them.
            ("metadata", Some(kind)) => {
                let shape = &schema::parts(kind)?.metadata;
                metadata.replace(Value::read::<Metadata>(&mut cursor, &frame, shape)?).is_some()
            }
            ("spec", Some(kind)) => spec.replace(self::spec(kind, &mut cursor, &frame)?).is_some(),
            _ => true,
        };
        if twice {
            return None;
        }
    }
    let ended = cursor.line().is_none();
    let (metadata, spec) = (metadata?, spec?);
    let sound = version.is_some() && ended && numbers::are_plain(&spec, text);
    sound.then_some(Resource { metadata, spec })
}

/// The text after a key, as what it says.
fn word<T>(cursor: &mut Cursor<'_>, frame: &Frame, says: impl Fn(&str) -> Option<T>) -> Option<T> {
    match cursor.value(frame)? {
        Opened::Scalar(token) if token.meaning() == Meaning::Text => says(&token.text),
        Opened::Scalar(_) | Opened::Nothing | Opened::Mapping(_) | Opened::Sequence(_) => None,
    }
}

fn is_version(text: &str) -> Option<()> {
    (text == API_VERSION).then_some(())
}

fn known_kind(text: &str) -> Option<Kind> {
    text.parse().ok()
}

fn spec(kind: Kind, cursor: &mut Cursor<'_>, frame: &Frame) -> Option<Spec> {
    let shape = &schema::parts(kind)?.spec;
    Some(match kind {
        Kind::Policy => Spec::Policy(Value::read::<Policy>(cursor, frame, shape)?),
        Kind::Schedule => Spec::Schedule(Value::read::<Schedule>(cursor, frame, shape)?),
        Kind::RouteTest => Spec::RouteTest(Value::read::<RouteTest>(cursor, frame, shape)?),
        Kind::Transport => Spec::Transport(Value::read::<Transport>(cursor, frame, shape)?),
        Kind::Tenant => Spec::Tenant(Value::read::<Box<Tenant>>(cursor, frame, shape)?),
        Kind::Trunk => Spec::Trunk(Value::read::<Box<Trunk>>(cursor, frame, shape)?),
        Kind::DidPool => Spec::DidPool(Value::read::<DidPool>(cursor, frame, shape)?),
        Kind::Extension => Spec::Extension(Value::read::<Extension>(cursor, frame, shape)?),
        Kind::InboundRule => Spec::InboundRule(Value::read::<InboundRule>(cursor, frame, shape)?),
        Kind::OutboundRule => {
            Spec::OutboundRule(Value::read::<OutboundRule>(cursor, frame, shape)?)
        }
    })
}
