//! The client for `examples/server.rs`: it chooses the strongest mechanism of the server's list.

use std::io::{BufRead as _, stdin};
use std::sync::Arc;

use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::{Client, ClientParams, Progress, Result, Secret, b64};

/// Credentials that are known beforehand.
struct Tim;

impl Answers for Tim {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from("tim")),
            PromptKind::Pass => Answer::Value(Secret::from("tanstaaftanstaaf")),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

fn main() -> Result<()> {
    let client = Arc::new(Client::new());
    let session = client.session(ClientParams::new("smtp", Tim).fqdn("mail.example.com"))?;
    let mut lines = stdin().lock().lines().map_while(std::result::Result::ok);
    let offered = lines.next().unwrap_or_default();
    let begun = session.start(offered.trim_start_matches("mechanisms: "))?;
    let initial = begun.progress.data().map(|data| format!(" {}", b64::encode(data))).unwrap_or_default();
    println!("{}{initial}", begun.mechanism);

    let mut progress = begun.progress;
    for line in lines {
        let Some(challenge) = line.strip_prefix("+ ") else { break };
        if let Progress::Continue(_) = progress {
            progress = session.step(b64::decode(challenge.as_bytes()).as_deref())?;
        }
        println!("{}", b64::encode(progress.data().unwrap_or_default()));
    }
    Ok(())
}
