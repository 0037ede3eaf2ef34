//! What a dialplan that compiles can't do wrong: leave a caller waiting, go round for ever, lose
//! a recording, or hold lines that nothing reaches.
//!
//! | file | what it proves |
//! |---|---|
//! | `facts` | which flows return, which may end the call |
//! | `waits` | every menu answers silence, wrong keys and, where something is at stake, hang-up |
//! | `loops` | every way round asks the caller or is counted, and flows don't pile up |
//! | `work` | between two waits little is done, however long the lists are |
//! | `recordings` | every recording is used exactly once on every path, hang-up included |
//! | `results` | every path of a flow that gives something back does so |
//! | `reach` | every instruction, flow, key and route can be reached |

mod facts;
mod graph;
mod loops;
mod reach;
mod recordings;
mod results;
mod waits;
mod work;

pub(super) use facts::inner;

use super::diagnostic::Diagnostic;
use super::hir::Module;

/// Checks a module in which every name was found.
pub fn check(module: &Module, found: &mut Vec<Diagnostic>) {
    let facts = facts::of(module);
    waits::check(module, found);
    // A question in a hang-up answer would be walked once for the caller who is there and once
    // for the one who is gone, at every depth; and a recording in a prompt belongs to nobody.
    if found.iter().any(|d| matches!(d.code, 313 | 315)) {
        return;
    }
    loops::check(module, &facts, found);
    work::check(module, &facts, found);
    results::check(module, &facts, found);
    recordings::check(module, &facts, found);
    reach::check(module, &facts, found);
}
