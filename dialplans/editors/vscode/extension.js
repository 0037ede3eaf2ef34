// Starts `hark dialplan lsp` for .dial files, and ends it with the window.

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function activate(context) {
  const command = workspace.getConfiguration("hark").get("path") || "hark";
  const server = { command, args: ["dialplan", "lsp"] };
  const files = workspace.createFileSystemWatcher("**/*.dial");
  context.subscriptions.push(files);
  client = new LanguageClient("hark", "Hark dialplans", server, {
    documentSelector: [{ language: "hark-dial" }],
    synchronize: { fileEvents: files },
  });
  await client.start();
}

function deactivate() {
  return client?.stop();
}

module.exports = { activate, deactivate };
