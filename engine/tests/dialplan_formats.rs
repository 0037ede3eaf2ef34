//! What the compiler found, for other programs: JSON and SARIF 2.1.0.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use hark_engine::dialplan::{Diagnostics, Options, Source, check};
use serde_json::{Value, json};

/// An error behind a character that is two code units of UTF-16, and a warning with a place that
/// it is related to.
fn found() -> Diagnostics {
    let wrong = "// Wrong.\nflow greet(to: User) {\n    say \"é💬 {to.nmae}\"\n}\n";
    let warned = "flow ask() {\n    menu {\n        key 1         -> hangup\n        digits \"1xxx\" -> hangup\n        other         -> again\n        silence 5s    -> hangup\n    }\n}\n";
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    // The checker, which warns, is not reached while names are unknown: two runs.
    let error = check(&[source("dial plans/greet.dial", wrong)], &Options::default());
    assert_eq!(error.iter().count(), 1);
    let warning = check(&[source("ask.dial", warned)], &Options::default());
    let list = error.iter().cloned().chain(warning.iter().cloned().map(|mut d| {
        d.span.source = 1;
        d.related.iter_mut().for_each(|(span, _)| span.source = 1);
        d
    }));
    let sources = [source("dial plans/greet.dial", wrong), source("ask.dial", warned)];
    Diagnostics::new(&sources, list.collect())
}

#[test]
fn json_tells_everything_that_people_are_told() {
    let document: Value = serde_json::from_str(&found().json()).unwrap();
    assert_eq!(document["files"], json!(["dial plans/greet.dial", "ask.dial"]));
    assert_eq!((&document["errors"], &document["warnings"]), (&json!(1), &json!(1)));
    let error = &document["diagnostics"][0];
    assert_eq!(error["code"], "D0104");
    assert_eq!(error["severity"], "error");
    assert_eq!(error["file"], "dial plans/greet.dial");
    assert_eq!([&error["line"], &error["column"]], [3, 17]);
    assert_eq!([&error["endLine"], &error["endColumn"]], [3, 21]);
    assert_eq!(error["mend"], "did you mean `name`?");
    assert!(error["cause"].as_str().unwrap().contains("its fields are name"));
    let warning = &document["diagnostics"][1];
    assert_eq!([&warning["code"], &warning["severity"]], ["D0312", "warning"]);
    assert_eq!(warning["related"][0]["line"], 4);
    assert_eq!(warning["related"][0]["label"], "but may be the beginning of this");
}

#[test]
fn nothing_found_is_a_document_too() {
    let document: Value = serde_json::from_str(&Diagnostics::default().json()).unwrap();
    let nothing = json!({ "files": [], "diagnostics": [], "errors": 0, "warnings": 0 });
    assert_eq!(document, nothing);
    let log: Value = serde_json::from_str(&Diagnostics::default().sarif()).unwrap();
    assert_eq!(log["runs"][0]["results"], json!([]));
}

/// What SARIF 2.1.0 (section 3) requires of each object that the log has.
#[test]
fn sarif_has_what_the_standard_requires() {
    let log: Value = serde_json::from_str(&found().sarif()).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    assert_eq!(run["tool"]["driver"]["name"], "hark");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        assert!(rule["id"].as_str().unwrap().starts_with('D'));
        assert!(
            ["error", "warning"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap())
        );
        for text in [&rule["shortDescription"], &rule["fullDescription"], &rule["help"]] {
            assert!(!text["text"].as_str().unwrap().is_empty());
        }
    }
    let artifacts = run["artifacts"].as_array().unwrap();
    assert_eq!(artifacts[0]["location"]["uri"], "dial%20plans/greet.dial");
    for result in run["results"].as_array().unwrap() {
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let locations = result["locations"].as_array().unwrap();
        assert_eq!(locations.len(), 1);
        for location in locations.iter().chain(result["relatedLocations"].as_array().unwrap()) {
            let place = &location["physicalLocation"];
            let artifact = &place["artifactLocation"];
            let index = usize::try_from(artifact["index"].as_u64().unwrap()).unwrap();
            assert_eq!(artifacts[index]["location"]["uri"], artifact["uri"]);
            let of = |key: &str| place["region"][key].as_u64().unwrap();
            assert!(of("startLine") >= 1 && of("startColumn") >= 1);
            let (start, end) = ("startLine", "startColumn");
            assert!((of("endLine"), of("endColumn")) >= (of(start), of(end)));
        }
        let ids: Vec<&Value> =
            result["relatedLocations"].as_array().unwrap().iter().map(|l| &l["id"]).collect();
        assert!(ids.iter().enumerate().all(|(number, id)| **id == number));
    }
}

#[test]
fn sarif_counts_columns_in_utf16_code_units() {
    let log: Value = serde_json::from_str(&found().sarif()).unwrap();
    let results = &log["runs"][0]["results"];
    let region = &results[0]["locations"][0]["physicalLocation"]["region"];
    // 💬 is one character, and two code units.
    let expected = json!({ "startLine": 3, "startColumn": 18, "endLine": 3, "endColumn": 22 });
    assert_eq!(*region, expected);
    assert_eq!(results[0]["ruleId"], "D0104");
    assert!(results[0]["message"]["text"].as_str().unwrap().contains("did you mean `name`?"));
    assert_eq!(results[1]["level"], "warning");
    assert_eq!(results[1]["relatedLocations"][0]["id"], 0);
}
