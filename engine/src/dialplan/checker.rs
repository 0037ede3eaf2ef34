//! stub
use super::diagnostic::Diagnostic;
use super::hir::Module;
pub fn check(_module: &Module, _found: &mut Vec<Diagnostic>) {}
