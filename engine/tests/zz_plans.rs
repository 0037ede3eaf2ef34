#![allow(clippy::all, missing_docs)]
use hark_engine::dialplan::*;
#[test]
fn zz() {
    let mut paths: Vec<_> = std::fs::read_dir("../dialplans").unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e=="dial")).collect();
    paths.sort();
    let sources: Vec<Source> = paths.iter().map(|p| Source{name: p.file_name().unwrap().to_str().unwrap().into(), text: std::fs::read_to_string(p).unwrap()}).collect();
    let found = check(&sources, &Options::default());
    println!("{}", found.render(false));
    if found.has_errors() { return; }
    let program = compile(&sources, &Options::default()).unwrap();
    let t = std::time::Instant::now();
    let report = run_tests(&program, &sources);
    println!("took {:?}", t.elapsed());
    for line in report.render(false).lines().filter(|l| !l.starts_with("ok ")) { println!("{line}"); }
    println!("{}", report.coverage.render());
}
