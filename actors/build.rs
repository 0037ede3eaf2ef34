//! The web client is embedded from `web/dist`, which `make` builds first. A checkout without it
//! (an editor's `cargo check`, a test of another crate) gets a page that says so.

use std::path::Path;
use std::{fs, io};

const PLACEHOLDER: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Hark</title>\n\
<p>This binary was built without the web client. Run <code>make web</code>, then build again.</p>\n";

fn main() -> io::Result<()> {
    let dist = Path::new("../web/dist");
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(dist)?;
        fs::write(&index, PLACEHOLDER)?;
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../web/dist");
    Ok(())
}
