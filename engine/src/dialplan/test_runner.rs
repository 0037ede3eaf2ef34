//! stub
use super::{Program, Source};
use std::sync::Arc;
/// Stub.
#[derive(Debug)]
pub struct TestReport;
/// Stub.
pub fn run_tests(_program: &Arc<Program>, _sources: &[Source]) -> TestReport {
    TestReport
}
