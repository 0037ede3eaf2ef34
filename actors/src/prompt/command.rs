//! Running the program that speaks. No shell is involved, and a text can't become an option.

use std::path::Path;
use std::process::Stdio;

use hark_engine::dialplan::speech::Language;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{LONGEST_TEXT, SpeechConfig, SpeechError};

/// The language, in the form that programs and file names may safely be given.
pub(super) fn checked_language(language: &str) -> Result<String, SpeechError> {
    let fits = (1..=16).contains(&language.len())
        && language.starts_with(|c: char| c.is_ascii_alphabetic())
        && language.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        Ok(language.to_ascii_lowercase())
    } else {
        Err(SpeechError::Refused("the language is not a BCP 47 tag such as en or de-AT"))
    }
}

/// The text on one line, without control characters and surplus spaces.
pub(super) fn checked_text(text: &str) -> Result<String, SpeechError> {
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let text = words.join(" ");
    if text.is_empty() {
        return Err(SpeechError::Refused("there is nothing to say"));
    }
    if text.chars().count() > LONGEST_TEXT {
        return Err(SpeechError::Refused("the text is too long to be spoken"));
    }
    Ok(text)
}

/// The languages that somebody speaks on this machine, as BCP 47 tags; none where a command of
/// the operator's speaks, which knows that itself.
pub(crate) fn voices(command: &[String]) -> Option<Vec<String>> {
    if !command.is_empty() {
        return None;
    }
    let espeak = is_installed("espeak-ng");
    let speaks = |language: Language| match language {
        Language::En => espeak || is_installed("flite"),
        Language::De => espeak,
    };
    let spoken = Language::ALL.into_iter().filter(|language| speaks(*language));
    Some(spoken.map(|language| language.tag().to_owned()).collect())
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Has `text` spoken into `file`.
pub(super) async fn run(
    config: &SpeechConfig,
    language: &str,
    text: &str,
    file: &Path,
) -> Result<(), SpeechError> {
    if !config.command.is_empty() {
        return run_one(config, &config.command, language, text, file).await;
    }
    let flite = ["flite", "-voice", "slt", "-t", "{text}", "-o", "{file}"];
    let espeak = ["espeak-ng", "-v", "{language}", "-w", "{file}", "--", "{text}"];
    if language == "en" || language.starts_with("en-") {
        match run_one(config, &flite, language, text, file).await {
            Err(SpeechError::Missing(_)) => {}
            spoken_or_failed => return spoken_or_failed,
        }
    }
    run_one(config, &espeak, language, text, file).await
}

async fn run_one(
    config: &SpeechConfig,
    command: &[impl AsRef<str>],
    language: &str,
    text: &str,
    file: &Path,
) -> Result<(), SpeechError> {
    let mut words = command.iter().map(AsRef::as_ref);
    let program = words.next().unwrap_or_default().to_owned();
    let failed = |cause: String| SpeechError::Failed { program: program.clone(), cause };
    let file = file.to_str().ok_or_else(|| failed("the cache's path is not Unicode".into()))?;
    // A word that begins with a space is no option, whatever the text begins with.
    let spoken = format!(" {text}");
    let mut run = Command::new(&program);
    let mut by_argument = false;
    for word in words {
        by_argument |= word.contains("{text}");
        // The text goes in last, so that what looks like a placeholder in it stays as it is.
        let word = word.replace("{file}", file).replace("{language}", language);
        run.arg(if word == "{text}" { spoken.clone() } else { word.replace("{text}", text) });
    }
    let stdin = if by_argument { Stdio::null() } else { Stdio::piped() };
    run.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = run.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => SpeechError::Missing(program.clone()),
        _ => failed(error.to_string()),
    })?;
    let ended = async {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes()).await?;
        }
        child.wait().await
    };
    match tokio::time::timeout(config.time_limit, ended).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(status.to_string())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(SpeechError::TooSlow { program, limit: config.time_limit }),
    }
}
