//! The exchanges.

use std::collections::BTreeMap;

use oxisasl::mech::Mechanism;

use super::change::{self, Change};
use super::counting;
use super::ends::{PASSWORD, Setup, USER, Verdict};
use super::meaning::Changed;
use super::table::{Entry, is_mutual, mechanisms, setups};

/// What a side may hold while it looks at a message: some copies of it, and as much as an honest exchange needs.
const HELD: usize = 64 * 1024;
const COPIES: usize = 6;

/// What a mechanism may leave behind after thousands of exchanges.
const LEFT: isize = 16 * 1024;

/// Messages of other exchanges, which have no business in this one.
pub fn others(own: &Setup) -> Vec<Vec<u8>> {
    let mut others = Vec::new();
    for (mechanism, entry) in mechanisms(false).filter(|(_, entry)| entry.name != own.mechanism) {
        for setup in setups(mechanism, entry) {
            others.extend(setup.good().1.messages.into_iter().flatten());
        }
    }
    others.extend(
        [&b"*"[..], b" ", b"\0", b"\0\0\0", b"n,,", b"=", b"\xff\xfe\xfd", b"\x60\x82\xff\xff"].map(<[u8]>::to_vec),
    );
    others
}

/// How often each reason to take a changed message was needed.
pub type Used = BTreeMap<&'static str, usize>;

/// A reason that is never needed has no place in the table.
pub fn expect_all_used(entry: &Entry, used: &Used) {
    for harmless in entry.harmless {
        assert!(used.contains_key(harmless.why), "{}: nothing is taken because {}", entry.name, harmless.why);
    }
}

/// Tries every change of every message.
pub fn try_all(mechanism: &dyn Mechanism, entry: &Entry, setup: &Setup, others: &[Vec<u8>], used: &mut Used) -> usize {
    let (_, good) = setup.good();
    let mut wrong = Vec::new();
    let mut tried = 0;
    let before = counting::live();
    for (at, message) in good.messages.iter().enumerate() {
        // The receiver's own message comes back to it.
        let own = at.checked_sub(1).and_then(|before| good.messages[before].clone());
        let others: Vec<Vec<u8>> = others.iter().cloned().chain(own).collect();
        for change in change::all(message.as_ref().map_or(0, Vec::len), &others) {
            tried += 1;
            if let Err(why) = try_one(mechanism, entry, setup, at, &change, &good.messages, used) {
                wrong.push(why);
            }
        }
    }
    let left = counting::live() - before;
    println!("{} authzid {:?} bound {}: {tried} changes, {left} bytes left", entry.name, setup.authzid, setup.bound);
    let some = wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{}: {} of {tried}:\n{some}", entry.name, wrong.len());
    assert!(tried > 50, "{tried}");
    assert!(left < LEFT, "{}: {left} bytes are left after {tried} exchanges", entry.name);
    tried
}

fn try_one(
    mechanism: &dyn Mechanism,
    entry: &Entry,
    setup: &Setup,
    at: usize,
    change: &Change,
    recorded: &[Option<Vec<u8>>],
    used: &mut Used,
) -> Result<(), String> {
    let ends = setup.ends();
    let verdict = setup.exchange(&ends, Some((at, change)), recorded);
    let original = verdict.messages.get(at).cloned().flatten();
    let is_one = match change {
        Change::Missing => original.is_some(),
        Change::Reordered => recorded.get(at + 2).is_some_and(Option::is_some),
        Change::Twice | Change::Dropped => true,
        bytes => bytes.apply(original.as_deref().unwrap_or_default()).is_some(),
    };
    if !is_one {
        return Ok(());
    }
    let fail = |why: &str| {
        let shown = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map(|bytes| bytes[..bytes.len().min(150)].escape_ascii().to_string())
        };
        let mut change = format!("{change:?}");
        change.truncate(100);
        Err(format!(
            "message {at}, {change}: {why}\n  was {:?}\n  now {:?}\n  {:?} {:?} {:?}",
            shown(&original),
            shown(&verdict.given),
            verdict.server,
            verdict.client_done,
            verdict.errors
        ))
    };
    if verdict.endless {
        return fail("the exchange goes on for ever");
    }
    let user = if entry.name == "ANONYMOUS" { b"anonymous".to_vec() } else { USER.as_bytes().to_vec() };
    if verdict.server.as_ref().is_some_and(|(as_whom, who)| (as_whom, who) != (&user, &user)) {
        return fail("let in as somebody else");
    }
    if verdict.client_done && verdict.server.is_some() {
        for (least, ssf) in [ends.server.ssf(), ends.client.ssf()].map(|ssf| (setup.security.min_ssf, ssf)) {
            if ssf < least {
                return fail(&format!("a layer of {ssf} where {least} are the least"));
            }
        }
    }
    let length = verdict.given.as_ref().map_or(0, Vec::len);
    if verdict.held > HELD + COPIES * length {
        return fail(&format!("{} bytes were held for {length}", verdict.held));
    }
    for text in ends.texts().iter().chain(verdict.errors.iter().map(|(_, _, text)| text)) {
        if text.contains(PASSWORD) {
            return fail(&format!("the password is in a text: {text}"));
        }
        if text.chars().any(char::is_control) {
            return fail(&format!("control characters in a text: {text:?}"));
        }
        if text.len() > 4096 {
            return fail(&format!("a text of {} bytes", text.len()));
        }
    }
    for (server, ..) in &verdict.errors {
        // What failed is over, for good messages too.
        if ends.goes_on(*server, original.as_deref().unwrap_or_default()).is_ok() {
            return fail("it goes on after an error");
        }
    }
    if !accepted(is_mutual(mechanism), &verdict) {
        return Ok(());
    }
    let at = match change {
        Change::Dropped => at + 1,
        Change::Twice => at + 2,
        _ => at,
    };
    let expected = verdict.messages.get(at).cloned().flatten().unwrap_or_default();
    let given = verdict.given.clone().unwrap_or_default();
    let changed = Changed { at, change, original: &expected, given: &given };
    match entry.harmless.iter().find(|harmless| (harmless.is)(&changed)) {
        Some(harmless) => {
            *used.entry(harmless.why).or_default() += 1;
            Ok(())
        }
        None => fail("taken"),
    }
}

/// Whether the change got through: the server has let the client in after it, or a client that checks servers is content.
fn accepted(mutual: bool, verdict: &Verdict) -> bool {
    let (client_before, server_before) = verdict.done_before;
    let server = verdict.server.is_some() && !server_before;
    let client = verdict.client_done && !client_before;
    server || (!verdict.to_server && mutual && client)
}

#[test]
fn changed_messages() {
    let try_mechanism = |(mechanism, entry): (&dyn Mechanism, &Entry)| {
        let mut used = Used::new();
        for setup in setups(mechanism, entry) {
            try_all(mechanism, entry, &setup, &others(&setup), &mut used);
        }
        expect_all_used(entry, &used);
    };
    std::thread::scope(|scope| {
        for mechanism in mechanisms(false) {
            scope.spawn(move || try_mechanism(mechanism));
        }
    });
}
