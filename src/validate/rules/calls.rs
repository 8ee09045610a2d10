//! Calls as the tests of a repository present them.

use crate::diag::{Code, Diagnostic};
use crate::validate::context::Context;
use crate::validate::section::Section;

/// What people put between the digits of a number (RFC 3966 section 5.1.1), and the blank of a page.
const BETWEEN: [char; 5] = ['-', '.', '(', ')', ' '];

/// A number with its country code has digits only; without the `+` it may be the user of a URI.
pub(super) fn tl104_presented<'a>(
    context: &Context<'a>,
    section: &Section<'a>,
    found: &mut Vec<Diagnostic>,
) {
    for (id, test) in section.route_tests() {
        let inbound = test
            .inbound
            .iter()
            .flat_map(|call| [("/spec/inbound/to", &call.to), ("/spec/inbound/from", &call.from)]);
        let outbound = test.outbound.iter().map(|call| ("/spec/outbound/to", &call.to));
        for (field, text) in
            inbound.chain(outbound).filter(|(field, _)| context.knows(id, &[field]))
        {
            let Some(number) = text.strip_prefix('+') else { continue };
            let is_digit = |c: char| c.is_ascii_digit();
            let odd = number.chars().find(|c| !is_digit(*c) && !BETWEEN.contains(c));
            let message = match odd {
                Some(odd) => format!("`{text}` is no number: `{odd}` is no digit"),
                None if number.contains(is_digit) => continue,
                None => format!("`{text}` is no number: it has no digit"),
            };
            let help = "write the number as it is presented: `+442079460000`";
            found.push(context.diagnostic(Code::TL104, id, field, message).help(help));
        }
    }
}
