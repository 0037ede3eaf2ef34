//! Real programs, real files.

use super::*;

fn installed(program: &str) -> bool {
    let there = std::process::Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    there
}

fn speech(dir: &std::path::Path, command: &[&str]) -> Speech {
    let mut config = SpeechConfig::new(dir);
    config.command = command.iter().map(ToString::to_string).collect();
    config.time_limit = Duration::from_secs(5);
    Speech::new(config)
}

#[tokio::test]
async fn english_and_german_are_spoken_and_cached() {
    let dir = tempfile::tempdir().unwrap();
    for (program, language, text) in
        [("flite", "en", "To send, press 1."), ("espeak-ng", "de", "Zum Senden die eins.")]
    {
        if !installed(program) {
            continue;
        }
        let sound = speech(dir.path(), &[]).speak(language, text).await.unwrap();
        let pcm = sound.pcm();
        assert!((4000..40_000).contains(&pcm.len()), "{} samples", pcm.len());
        assert!(pcm.iter().any(|s| s.unsigned_abs() > 2000), "it can be heard");
        let again = speech(dir.path(), &[]).speak(language, text).await.unwrap();
        assert_eq!(pcm, again.pcm(), "from the disk");
    }
}

#[tokio::test]
async fn a_text_that_looks_like_an_option_is_spoken() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other");
    for (program, language) in [("flite", "en"), ("espeak-ng", "de")] {
        if installed(program) {
            let elsewhere = format!("-o {}", other.display());
            for text in ["-h", "--help me", &elsewhere, "{file}", "; touch $HOME"] {
                speech(dir.path(), &[]).speak(language, text).await.unwrap();
            }
        }
    }
    assert!(!other.exists(), "the text is no option");
}

#[tokio::test]
async fn concurrent_requests_for_one_text_are_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source.wav");
    std::fs::write(&source, wav::write_telephone(&[100; 800]).unwrap()).unwrap();
    let script =
        format!("sleep 0.2; echo run >> {0}/runs; cp {0}/source.wav $0", dir.path().display());
    let speech = speech(dir.path(), &["sh", "-c", &script, "{file}", "{text}"]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let speech = speech.clone();
        tasks.spawn(async move { speech.speak("en", "Hello  there").await.unwrap().pcm().len() });
    }
    while let Some(length) = tasks.join_next().await {
        assert_eq!(length.unwrap(), 800);
    }
    speech.speak("en", "Hello there").await.unwrap();
    let runs = std::fs::read_to_string(dir.path().join("runs")).unwrap();
    assert_eq!(runs, "run\n");
}

#[tokio::test]
async fn failure_slowness_and_absence_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let missing = speech(dir.path(), &["no-such-program", "{text}"]).speak("en", "a").await;
    assert_eq!(missing.unwrap_err(), SpeechError::Missing("no-such-program".into()));
    let failing = speech(dir.path(), &["false", "{text}"]);
    assert!(matches!(failing.speak("en", "a").await, Err(SpeechError::Failed { .. })));
    let silent = speech(dir.path(), &["true", "{text}"]).speak("en", "a").await;
    assert!(matches!(silent, Err(SpeechError::Wav(_))), "{silent:?}");
    let mut config = SpeechConfig::new(dir.path());
    config.command = vec!["sleep".into(), "60".into()];
    config.time_limit = Duration::from_millis(50);
    let slow = Speech::new(config).speak("en", "a").await;
    assert!(matches!(slow, Err(SpeechError::TooSlow { .. })), "{slow:?}");
    for (language, text) in [("../x", "a"), ("-v", "a"), ("", "a"), ("en", " \n\0 ")] {
        let refused = speech(dir.path(), &[]).speak(language, text).await;
        assert!(matches!(refused, Err(SpeechError::Refused(_))), "{refused:?}");
    }
}

#[test]
fn damaged_wav_files_are_errors_and_never_a_panic() {
    let Some(corpus) = crate::recording::corpus() else { return };
    for folder in ["wav", "audio", "ogg"] {
        for entry in std::fs::read_dir(corpus.join("fuzz-seeds").join(folder)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let _ = wav::telephone(&bytes);
        }
    }
}
