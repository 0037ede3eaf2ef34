//! Debian's Chromium, driven by playwright-core through `tests/browser/driver.mjs`.
//!
//! The driver takes one JSON command a line and answers with one JSON line. It knows nothing of
//! Hark: the stories are told in the tests.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::audio::Sound;
use crate::process::Process;
use crate::wait;

/// A browser with one page.
pub struct Browser {
    process: Process,
    stdin: ChildStdin,
    commands: usize,
    folder: TempDir,
}

impl Browser {
    /// Starts a browser whose microphone hears silence.
    #[track_caller]
    pub fn start() -> Self {
        Self::with_microphone(&Sound::default().then_silence(Duration::from_secs(1)))
    }

    /// Starts a browser whose microphone hears `sound` once it is opened, and then silence.
    #[track_caller]
    pub fn with_microphone(sound: &Sound) -> Self {
        let folder =
            tempfile::Builder::new().prefix("hark-browser-").tempdir().expect("a temporary folder");
        let wav = folder.path().join("microphone.wav");
        sound.write_wav(&wav);
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        assert!(
            scripts.join("node_modules/playwright-core").is_dir(),
            "playwright-core is missing: `make deps-test` runs npm in tests/browser"
        );
        let mut command = Command::new("node");
        command
            .current_dir(&scripts)
            .arg("driver.mjs")
            .arg(folder.path().join("profile"))
            .arg(&wav);
        let mut process = Process::start("the browser", command);
        let stdin = process.stdin();
        process.wait_line("its readiness", wait::LATER, |line| (line == "ready").then_some(()));
        Self { process, stdin, commands: 0, folder }
    }

    /// Opens an address.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.command(json!({ "do": "open", "url": url }));
    }

    /// Signs in on the page of `web`.
    #[track_caller]
    pub fn sign_in(&mut self, web: &str, user: &str, password: &str) {
        self.open(web);
        self.fill("sign-in-name", user);
        self.fill("sign-in-password", password);
        self.click("sign-in-submit");
        self.wait_visible("inbox");
    }

    /// Writes into a field.
    #[track_caller]
    pub fn fill(&mut self, id: &str, text: &str) {
        self.command(json!({ "do": "fill", "id": id, "text": text }));
    }

    /// Chooses an entry of a list by its value.
    #[track_caller]
    pub fn choose(&mut self, id: &str, value: &str) {
        self.command(json!({ "do": "choose", "id": id, "value": value }));
    }

    /// Presses a key in an element: `Enter`, `Escape`.
    #[track_caller]
    pub fn press(&mut self, id: &str, key: &str) {
        self.command(json!({ "do": "press", "id": id, "key": key }));
    }

    /// Makes the window this large.
    #[track_caller]
    pub fn resize(&mut self, width: u32, height: u32) {
        self.command(json!({ "do": "resize", "width": width, "height": height }));
    }

    /// Clicks.
    #[track_caller]
    pub fn click(&mut self, id: &str) {
        self.command(json!({ "do": "click", "id": id }));
    }

    /// Waits until an element can be seen.
    #[track_caller]
    pub fn wait_visible(&mut self, id: &str) {
        self.command(json!({ "do": "visible", "id": id }));
    }

    /// Waits until an element can't be seen.
    #[track_caller]
    pub fn wait_hidden(&mut self, id: &str) {
        self.command(json!({ "do": "hidden", "id": id }));
    }

    /// Waits until an element's attribute has a value.
    #[track_caller]
    pub fn wait_attribute(&mut self, id: &str, name: &str, value: &str) {
        self.command(json!({ "do": "attribute", "id": id, "name": name, "value": value }));
    }

    /// An attribute's value now.
    #[track_caller]
    pub fn attribute(&mut self, id: &str, name: &str) -> Option<String> {
        self.command(json!({ "do": "get", "id": id, "name": name })).as_str().map(str::to_owned)
    }

    /// An element's text now.
    #[track_caller]
    pub fn text(&mut self, id: &str) -> String {
        self.command(json!({ "do": "text", "id": id })).as_str().unwrap_or_default().to_owned()
    }

    /// How many elements with this id can be seen now.
    #[track_caller]
    pub fn count(&mut self, id: &str) -> u64 {
        self.command(json!({ "do": "count", "id": id })).as_u64().unwrap_or(0)
    }

    /// When an element with this id first appeared in this page: Unix time in milliseconds, by the browser's clock.
    #[track_caller]
    pub fn first_seen(&mut self, id: &str) -> Option<f64> {
        self.command(json!({ "do": "first-seen", "id": id })).as_f64()
    }

    /// How often an element with this id was put into this page since it was opened.
    #[track_caller]
    pub fn appearances(&mut self, id: &str) -> u64 {
        self.command(json!({ "do": "appearances", "id": id })).as_u64().unwrap_or(0)
    }

    /// Every value that an attribute of an element had so far, with the time of its change.
    #[track_caller]
    pub fn history(&mut self, id: &str, name: &str) -> Vec<(f64, String)> {
        let changes = self.command(json!({ "do": "history", "id": id, "name": name }));
        let changes = changes.as_array().expect("a list of changes");
        let change = |change: &Value| Some((change[0].as_f64()?, change[1].as_str()?.to_owned()));
        changes.iter().filter_map(change).collect()
    }

    /// Runs JavaScript in the page and returns its value.
    #[track_caller]
    pub fn evaluate(&mut self, script: &str) -> Value {
        self.command(json!({ "do": "evaluate", "script": script }))
    }

    /// Delivers a push to the page's service worker, as the browser's push service would.
    #[track_caller]
    pub fn push(&mut self, data: &str) {
        self.command(json!({ "do": "push", "data": data }));
    }

    /// The notifications that the page's service worker shows. Asked too early Chromium drops them:
    /// push again.
    #[track_caller]
    pub fn shown_notifications(&mut self) -> Value {
        self.command(json!({ "do": "notifications" }))
    }

    /// Everything that went wrong in the page: uncaught errors, and what the page logged as errors.
    #[track_caller]
    pub fn errors(&mut self) -> Vec<String> {
        let errors = self.command(json!({ "do": "errors" }));
        errors
            .as_array()
            .expect("a list")
            .iter()
            .map(|error| error.as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Asserts that nothing in the element `id` is wider than the window, and that everything in
    /// it that can be used has a name for a screen reader.
    #[track_caller]
    pub fn assert_fits_and_is_named(&mut self, id: &str) {
        let script = format!(
            "(() => {{ const all = [...document.querySelectorAll('[data-testid=\"{id}\"] *')]; \
               const shown = all.filter((e) => e.checkVisibility() && !e.closest('.visually-hidden')); \
               const wide = shown.filter((e) => e.getBoundingClientRect().right > innerWidth + 1); \
               const used = all.filter((e) => e.matches('button, a, input, select, textarea')); \
               const named = (e) => (e.getAttribute('aria-label') ?? '').trim() !== '' \
                 || (e.labels?.length > 0 && e.labels[0].innerText.trim() !== '') \
                 || (e.matches('button, a') && e.innerText.trim() !== ''); \
               const said = (what) => (e) => `${{what}}: ${{e.outerHTML.slice(0, 160)}}`; \
               return [...wide.map(said('too wide')), \
                 ...used.filter((e) => e.checkVisibility() && !named(e)).map(said('no name'))]; }})()"
        );
        let wrong = self.evaluate(&script);
        assert_eq!(wrong, json!([]));
    }

    /// A picture of the page as `name`, if `HARK_SCREENSHOTS` names a folder for them.
    #[track_caller]
    pub fn picture(&mut self, name: &str) {
        if let Some(folder) = std::env::var_os("HARK_SCREENSHOTS") {
            self.screenshot(&Path::new(&folder).join(format!("{name}.png")));
        }
    }

    /// A picture of the page.
    #[track_caller]
    pub fn screenshot(&mut self, path: &Path) {
        self.command(json!({ "do": "screenshot", "path": path }));
    }

    /// The folder of its profile and microphone.
    pub fn scratch(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// One command, and its answer.
    #[track_caller]
    fn command(&mut self, mut command: Value) -> Value {
        self.commands += 1;
        let number = self.commands;
        command["n"] = number.into();
        writeln!(self.stdin, "{command}").expect("the driver takes commands");
        let answer =
            self.process.wait_line(&format!("the answer to {command}"), wait::LATER, |line| {
                let answer: Value = serde_json::from_str(line).ok()?;
                (answer["n"] == number).then_some(answer)
            });
        assert!(
            answer["error"].is_null(),
            "{command}: {}",
            answer["error"].as_str().unwrap_or_default()
        );
        answer["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with the driver's input; killing the driver alone would leave it behind.
        if writeln!(self.stdin, "{}", json!({ "do": "close", "n": 0 })).is_ok() {
            let begun = std::time::Instant::now();
            while self.process.exit_status().is_none() && begun.elapsed() < wait::SOON {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
