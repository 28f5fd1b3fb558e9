//! A server that authenticates one client over standard input and output: lines of base64, as in most text protocols.

use std::io::{BufRead as _, stdin};
use std::sync::Arc;

use oxisasl::store::memory::Memory;
use oxisasl::{Progress, Result, Server, ServerParams, b64};

fn main() -> Result<()> {
    let server = Arc::new(Server::new("example").store(Memory::new().user("tim", "tanstaaftanstaaf")));
    let session = server.session(ServerParams::new("smtp").fqdn("mail.example.com"))?;
    println!("mechanisms: {}", session.mechanisms()?.join(" "));

    // The client answers with the mechanism and, where it has one, its initial response.
    let mut lines = stdin().lock().lines().map_while(std::result::Result::ok);
    let first = lines.next().unwrap_or_default();
    let (mechanism, initial) = first.split_once(' ').map_or((first.as_str(), None), |(name, data)| (name, Some(data)));
    let initial = initial.map(|data| b64::decode(data.as_bytes()).unwrap_or_default());

    let mut progress = session.start(mechanism, initial.as_deref());
    while let Ok(Progress::Continue(challenge)) = &progress {
        println!("+ {}", b64::encode(challenge.as_deref().unwrap_or_default()));
        let response = b64::decode(lines.next().unwrap_or_default().as_bytes()).unwrap_or_default();
        progress = session.step(&response);
    }
    match progress {
        Ok(_) => println!("welcome, {}", String::from_utf8_lossy(&session.user().unwrap_or_default())),
        Err(_) => println!("refused: {}", session.error_detail()),
    }
    Ok(())
}
