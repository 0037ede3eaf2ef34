//! `.dial` files in the one style that all of them have.
//!
//! The author decides where a line ends and what is commented; the formatter decides everything
//! else that is blank. Its output has the tokens, the comments and so the meaning of its input,
//! and formatting that again changes nothing.
//!
//! | file | what it decides |
//! |---|---|
//! | `lines` | what stands on each line: tokens, comments, nothing |
//! | `layout` | how deep a line stands, and where empty lines are |
//! | `spacing` | which tokens of a line touch, and which arrows stand below one another |
//! | `difference` | nothing: it shows what would change |

mod difference;
mod layout;
mod lines;
mod spacing;
#[cfg(test)]
mod tests;

use super::Source;
use super::diagnostic::Diagnostics;
use super::parser;

pub use difference::difference;

/// The text of `source` in the style of the shipped dialplans. It ends with one line feed,
/// unless it is empty.
///
/// # Errors
/// With what is wrong with it, if it can't be read: what is half understood is better left as it
/// is. Names that nobody declared and the like don't matter.
pub fn format(source: &Source) -> Result<String, Diagnostics> {
    let mut found = Vec::new();
    parser::parse(0, source, &mut found);
    if !found.is_empty() {
        return Err(Diagnostics::new(std::slice::from_ref(source), found));
    }
    let mut lines = lines::lines(&source.text);
    layout::arrange(&mut lines);
    Ok(spacing::print(&lines))
}
