//! An editor and `hark dialplan lsp`, over standard input and output.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use hark_tests::{site, wait};
use serde_json::{Value, json};

const GREET: &str = "/// Says hello.\nflow greet(who: User) {\n    say \"Hello {who.name}.\"\n}\n";
const MAIN: &str = "route \"1xxx\" as ext -> greet(user(ext))\n";

/// An editor with a folder of dialplans, and its language server.
struct Editor {
    server: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    kept: Vec<Value>,
    asked: i64,
    folder: tempfile::TempDir,
}

impl Editor {
    #[track_caller]
    fn start(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let mut server = Command::new(site::binary())
            .args(["dialplan", "lsp", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("hark can be started");
        let input = server.stdin.take();
        let mut output = BufReader::new(server.stdout.take().expect("piped"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            while let Some(message) = receive(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut editor = Self { server, input, messages, kept: Vec::new(), asked: 0, folder };
        let root = editor.uri("").trim_end_matches('/').to_owned();
        let about = editor.ask(
            "initialize",
            json!({
                "processId": null, "rootUri": root, "capabilities": {},
                "workspaceFolders": [{ "uri": root, "name": "plan" }],
            }),
        );
        assert!(about["capabilities"]["renameProvider"]["prepareProvider"] == true, "{about}");
        editor.tell("initialized", json!({}));
        editor
    }

    fn path(&self, name: &str) -> PathBuf {
        // As the server sees it, where the temporary folder is a link.
        let folder = self.folder.path().canonicalize().expect("it exists");
        folder.join(name)
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    #[track_caller]
    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let input = self.input.as_mut().expect("still open");
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        input.flush().expect("it reads");
    }

    #[track_caller]
    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The result of a request.
    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask_whole(method, params);
        assert!(answer.get("error").is_none(), "{method} failed: {answer}");
        answer["result"].clone()
    }

    #[track_caller]
    fn ask_whole(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.wait(method, |message| message["id"] == id)
    }

    /// The next message, from those that came already, that `is` accepts.
    #[track_caller]
    fn wait(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + wait::SOON;
        loop {
            if let Some(at) = self.kept.iter().position(&is) {
                return self.kept.remove(at);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) => self.kept.push(message),
                Err(_) => panic!("no answer to {what}; there is {:?}", self.kept),
            }
        }
    }

    #[track_caller]
    fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        self.tell(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": uri, "languageId": "hark-dial", "version": 1, "text": text } }),
        );
    }

    /// What the server says of a version of a file.
    #[track_caller]
    fn diagnostics(&mut self, name: &str, version: i64) -> Vec<Value> {
        let uri = self.uri(name);
        let told = self.wait(&format!("diagnostics of {name}"), |message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
                && message["params"]["version"] == version
        });
        told["params"]["diagnostics"].as_array().expect("a list").clone()
    }

    /// The parameters of a question about a place.
    fn at(&self, name: &str, line: u32, character: u32) -> Value {
        json!({
            "textDocument": { "uri": self.uri(name) },
            "position": { "line": line, "character": character },
        })
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn receive(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => {
                if let Some(written) = header.strip_prefix("Content-Length: ") {
                    length = written.parse().ok()?;
                }
            }
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

#[test]
fn an_editor_is_told_and_answered() {
    let mut editor = Editor::start(&[("main.dial", MAIN), ("greet.dial", GREET)]);

    // What is in the buffer counts, not what is on the disk.
    let broken = GREET.replace("who.name", "whom.name");
    editor.open("greet.dial", &broken);
    let found = editor.diagnostics("greet.dial", 1);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["code"], "D0101");
    assert_eq!(found[0]["range"]["start"], json!({ "line": 2, "character": 16 }));
    assert!(found[0]["message"].as_str().is_some_and(|m| m.contains("did you mean `who`")));

    // Mended by a change of two letters.
    let uri = editor.uri("greet.dial");
    editor.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": uri, "version": 2 },
            "contentChanges": [{
                "range": { "start": { "line": 2, "character": 16 }, "end": { "line": 2, "character": 20 } },
                "text": "who",
            }],
        }),
    );
    assert_eq!(editor.diagnostics("greet.dial", 2), Vec::<Value>::new());

    let hover = editor.ask("textDocument/hover", editor.at("main.dial", 0, 25));
    let text = hover["contents"]["value"].as_str().expect("Markdown");
    assert!(text.contains("flow greet(who: User)") && text.contains("Says hello."), "{text}");

    let definition = editor.ask("textDocument/definition", editor.at("main.dial", 0, 25));
    assert_eq!(definition["uri"], editor.uri("greet.dial"));
    assert_eq!(definition["range"]["start"], json!({ "line": 1, "character": 5 }));

    let mut asked = editor.at("greet.dial", 1, 6);
    asked["context"] = json!({ "includeDeclaration": true });
    let references = editor.ask("textDocument/references", asked);
    assert_eq!(references.as_array().map(Vec::len), Some(2), "{references}");

    let completions = editor.ask("textDocument/completion", editor.at("greet.dial", 2, 20));
    assert_eq!(completions["isIncomplete"], false);
    let labels: Vec<&str> = completions["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|item| item["label"].as_str())
        .collect();
    assert!(labels.contains(&"name") && labels.contains(&"limit"), "{labels:?}");

    let renamed = editor.at("greet.dial", 1, 6);
    let range = editor.ask("textDocument/prepareRename", renamed.clone());
    assert_eq!(range["end"], json!({ "line": 1, "character": 10 }));
    let mut asked = renamed.clone();
    asked["newName"] = json!("welcome");
    let changes = editor.ask("textDocument/rename", asked);
    for name in ["main.dial", "greet.dial"] {
        let edits = changes["changes"][editor.uri(name)].as_array().map(Vec::len);
        assert_eq!(edits, Some(1), "{name}: {changes}");
    }
    let mut asked = renamed;
    asked["newName"] = json!("menu");
    let refused = editor.ask_whole("textDocument/rename", asked);
    let why = refused["error"]["message"].as_str().expect("an error");
    assert!(why.contains("a word of the language"), "{why}");

    let symbols =
        editor.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri } }));
    assert_eq!(symbols[0]["name"], "greet");

    editor.ask("shutdown", Value::Null);
    editor.tell("exit", Value::Null);
    let status = wait::until("the server to end", wait::SOON, || {
        editor.server.try_wait().expect("it can be asked")
    });
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_file_is_formatted_and_mended() {
    let mut editor = Editor::start(&[]);
    let text = "route \"1xxx\" as ext -> greet(user(ext))\nflow greet(who: User) {\nplay   who.greeting\n}\n";
    editor.open("main.dial", text);
    let found = editor.diagnostics("main.dial", 1);
    assert_eq!(found[0]["code"], "D0602", "{found:?}");
    let uri = editor.uri("main.dial");
    let asked = json!({ "textDocument": { "uri": uri }, "options": { "tabSize": 4, "insertSpaces": true } });
    let edits = editor.ask("textDocument/formatting", asked);
    let formatted = edits[0]["newText"].as_str().expect("one edit");
    assert!(formatted.contains("\n    play who.greeting\n"), "{formatted}");
    let place = json!({ "line": 2, "character": 3 });
    let actions = editor.ask(
        "textDocument/codeAction",
        json!({
            "textDocument": { "uri": uri }, "range": { "start": place, "end": place },
            "context": { "diagnostics": [] },
        }),
    );
    assert_eq!(actions[0]["title"], "Add the missing `else`", "{actions}");
}

#[test]
fn an_imported_file_belongs_to_the_dialplan_that_imports_it() {
    let main = format!("import \"library/greet.dial\"\n{MAIN}flow bye() {{ hangup }}\n");
    let greet = "flow greet(who: User) {\n    say \"Hello {who.name}.\"\n    bye\n}\n";
    let mut editor = Editor::start(&[("main.dial", &main), ("library/greet.dial", greet)]);
    editor.open("library/greet.dial", greet);
    let found = editor.diagnostics("library/greet.dial", 1);
    assert!(
        !found.iter().any(|d| d["code"] == "D0102"),
        "a flow of the importing file is not known: {found:?}"
    );
    let definition = editor.ask("textDocument/definition", editor.at("library/greet.dial", 2, 5));
    assert_eq!(definition["uri"], editor.uri("main.dial"));
}

#[test]
fn a_file_beside_the_dialplan_belongs_to_the_open_one_that_imports_it() {
    let main = format!("import \"../library/greet.dial\"\n{MAIN}flow bye() {{ hangup }}\n");
    let greet = "flow greet(who: User) {\n    say \"Hello {who.name}.\"\n    bye\n}\n";
    let mut editor = Editor::start(&[("plan/main.dial", &main), ("library/greet.dial", greet)]);
    editor.open("library/greet.dial", greet);
    let alone = editor.diagnostics("library/greet.dial", 1);
    assert!(alone.iter().any(|d| d["code"] == "D0102"), "nothing imports it yet: {alone:?}");
    editor.open("plan/main.dial", &main);
    assert_eq!(editor.diagnostics("plan/main.dial", 1), Vec::<Value>::new());
    assert_eq!(editor.diagnostics("library/greet.dial", 1), Vec::<Value>::new());
}

#[test]
fn what_is_no_request_is_refused_and_an_editor_that_dies_is_left() {
    let mut editor = Editor::start(&[("main.dial", MAIN)]);
    let refused = editor.ask_whole("textDocument/nothing", json!({}));
    assert_eq!(refused["error"]["code"], -32601, "{refused}");
    let refused = editor.ask_whole("textDocument/hover", json!({ "position": "nowhere" }));
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    // Of a file that is not there, nothing is known.
    let missing = editor.at("missing.dial", 99, 99);
    assert_eq!(editor.ask("textDocument/hover", missing), Value::Null);
    assert!(Path::new(&editor.path("main.dial")).exists());
    drop(editor.input.take());
    let status = wait::until("the server to end", wait::SOON, || {
        editor.server.try_wait().expect("it can be asked")
    });
    assert_eq!(status.code(), Some(1));
}
