//! Acknowledged messages a second, with a file and a row each, both synced.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use hark_actors::recording::files;
use rusqlite::Connection;

use crate::{Outcome, world};

/// How long each is measured.
const SPAN: Duration = Duration::from_secs(5);
/// The size of a message's audio file: 5 s of Opus.
const AUDIO: usize = 20_000;

pub async fn run() -> Outcome {
    println!("Acknowledged messages a second (file of 20 KB and row, all synced), {SPAN:?} each\n");
    println!(
        "{:>8}{:>10}{:>14}{:>9}{:>20}{:>9}",
        "senders", "hark", "bare SQLite", "ratio", "bare file + SQLite", "ratio"
    );
    for senders in [1, 16, 256] {
        let rows = tokio::task::spawn_blocking(bare_sqlite).await?.map_err(|e| e.to_string())?;
        let files = tokio::task::spawn_blocking(bare_both).await?.map_err(|e| e.to_string())?;
        let hark = hark(senders).await?;
        println!(
            "{senders:>8}{hark:>10.0}{rows:>14.0}{:>9.2}{files:>20.0}{:>9.2}",
            hark / rows,
            hark / files
        );
    }
    println!();
    Ok(())
}

async fn hark(senders: usize) -> Outcome<f64> {
    let dir = tempfile::tempdir()?;
    let store = world::open(dir.path())?;
    let (from, to) = (world::user(&store, 1).await?, world::user(&store, 2).await?);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..senders)
        .map(|_| {
            let (store, dir) = (store.clone(), dir.path().to_owned());
            tokio::spawn(async move {
                let mut count = 0_u32;
                while begun.elapsed() < SPAN {
                    let mut message = world::message(from, to);
                    let audio = files::audio_path(message.id);
                    message.audio = audio.clone();
                    let dir = dir.clone();
                    let put = move || files::put(&dir, &audio, &vec![7; AUDIO]);
                    let kept = tokio::task::spawn_blocking(put).await;
                    if !matches!(kept, Ok(Ok(()))) || store.commit_message(message).await.is_err() {
                        return Err("a message was not kept");
                    }
                    count += 1;
                }
                Ok(count)
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

fn table(dir: &Path) -> Outcome<Connection> {
    let connection = Connection::open(dir.join("bare.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")?;
    Ok(connection)
}

/// One connection that commits one small row after the other.
fn bare_sqlite() -> Result<f64, Box<dyn std::error::Error + Send + Sync>> {
    let dir = tempfile::tempdir()?;
    let connection = table(dir.path()).map_err(|e| e.to_string())?;
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < SPAN {
        connection.execute("INSERT INTO t (body) VALUES (?1)", [vec![1_u8; 300]])?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

/// The same with a file written and synced before each.
fn bare_both() -> Result<f64, Box<dyn std::error::Error + Send + Sync>> {
    let dir = tempfile::tempdir()?;
    let connection = table(dir.path()).map_err(|e| e.to_string())?;
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < SPAN {
        let mut file = std::fs::File::create(dir.path().join(count.to_string()))?;
        file.write_all(&vec![7; AUDIO])?;
        file.sync_all()?;
        connection.execute("INSERT INTO t (body) VALUES (?1)", [vec![1_u8; 300]])?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}
