//! `saslpasswd` at a terminal: what it asks, that nothing typed is shown, and that the terminal is left as it was,
//! whatever happens.

mod common;

use std::fs;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use common::base::{PATIENCE, TempDir, family, wait_until};
use common::pty::Pty;
use common::{Place, REALM, SASLPASSWD, lines, login};
use rustix::process::{Pid, Signal, kill_process};

const FIRST: &str = "Password: ";
const SECOND: &str = "Again (for verification): ";

/// `saslpasswd` for jephe at a terminal.
fn at_terminal(place: &Place) -> Pty {
    Pty::run(&place.command(&["-c", "-u", REALM, "jephe"]))
}

fn dialogue(place: &Place, first: &str, second: &str, end: &str) -> (Option<i32>, bool) {
    let mut pty = at_terminal(place);
    pty.answer(FIRST, first);
    pty.answer(SECOND, second);
    pty.end(end)
}

#[test]
fn the_password_is_asked_for_twice_and_not_shown() {
    let place = Place::new();
    let mut pty = at_terminal(&place);
    pty.answer(FIRST, "secret word");
    pty.answer(SECOND, "secret word");
    assert_eq!(pty.wait().code(), Some(0));
    assert!(pty.echoes());
    assert_eq!(pty.screen(), "Password: \nAgain (for verification): \n");
    login::assert_password(&place.database(), "jephe", "secret word");
    assert_eq!(place.list(), lines(&["jephe"]));

    let mut pty = Pty::run(&place.command(&["-d", "-u", REALM, "jephe"]));
    assert_eq!(pty.wait().code(), Some(0));
    assert_eq!(pty.screen(), "", "there is nothing to ask when a user goes");
    assert_eq!(place.list(), lines(&[]));
}

/// How often these bytes are in the memory of a process.
fn in_memory(pid: u32, wanted: &[u8]) -> usize {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let memory = fs::File::open(format!("/proc/{pid}/mem")).expect("memory");
    let written = maps.lines().filter(|line| line.contains(" rw"));
    let areas = written.filter_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let [start, end] = [start, end].map(|number| u64::from_str_radix(number, 16).expect("an address"));
        let mut area = vec![0; usize::try_from(end - start).expect("a size")];
        memory.read_exact_at(&mut area, start).ok().map(|()| area)
    });
    areas.map(|area| area.windows(wanted.len()).filter(|bytes| *bytes == wanted).count()).sum()
}

#[test]
fn a_password_is_in_memory_once() {
    let place = Place::new();
    let mut pty = at_terminal(&place);
    pty.answer(FIRST, "correct horse battery");
    pty.expect(SECOND);
    assert_eq!(in_memory(pty.pid(), b"correct horse battery"), 1);
}

#[test]
fn what_does_not_match_changes_nothing() {
    let place = Place::new();
    place.set("jephe", "old");
    let refused = dialogue(&place, "one", "other", "saslpasswd: passwords don't match; aborting\n");
    assert_eq!(refused, (Some(7), true));
    for (first, second) in [("one", ""), ("", "one"), ("one", "one "), ("one", "One"), ("one", "on")] {
        assert_eq!(dialogue(&place, first, second, "passwords don't match").0, Some(7), "{first:?} {second:?}");
    }
    let empty = "saslpasswd: invalid parameter supplied: Password must be at least one character long\n";
    assert_eq!(dialogue(&place, "", "", empty), (Some(7), true));
    // The end of input is an empty line, too.
    let mut pty = at_terminal(&place);
    for question in [FIRST, SECOND] {
        pty.expect(question);
        pty.type_in(b"\x04");
    }
    assert_eq!(pty.end(empty), (Some(7), true));
    login::assert_password(&place.database(), "jephe", "old");
}

#[test]
fn every_byte_counts_up_to_the_longest() {
    let place = Place::new();
    for password in ["  blanks ", "p\u{e4}ss\u{20ac}", "%s%n", &"x".repeat(2048)] {
        assert_eq!(dialogue(&place, password, password, "\n"), (Some(0), true), "{password:?}");
        login::assert_password(&place.database(), "jephe", password);
    }
    for length in [2049, 3000, 4000] {
        let mut pty = at_terminal(&place);
        pty.answer(FIRST, &"Z".repeat(length));
        let too_long = "\nsaslpasswd: overflowed buffer: the password is longer than 2048 bytes\n";
        assert_eq!(pty.end(too_long), (Some(3), true), "{length}");
        assert!(!pty.screen().contains('Z'), "{}", pty.screen());
    }
    // No part of it is left for whoever reads next.
    let mut shell = Command::new("sh");
    let script = "\"$0\" -f \"$1\" jephe; read line; echo \"<$line>\"";
    let mut pty = Pty::run(shell.args(["-c", script, SASLPASSWD]).arg(place.database()));
    pty.answer(FIRST, &"Z".repeat(3000));
    pty.expect("2048 bytes\n");
    pty.type_in("next\n");
    assert_eq!(pty.end("<next>\n"), (Some(0), true));
    let mut pty = at_terminal(&place);
    pty.answer(FIRST, "a\0b");
    pty.answer(SECOND, "a\0b");
    let nul = "saslpasswd: invalid parameter supplied: the password contains a NUL byte\n";
    assert_eq!(pty.end(nul), (Some(7), true));
    login::assert_password(&place.database(), "jephe", "x".repeat(2048));
}

#[test]
fn with_p_it_is_read_once_and_not_asked_for() {
    let place = Place::new();
    let mut pty = Pty::run(&place.command(&["-p", "-u", REALM, "jephe"]));
    assert!(wait_until(PATIENCE, || !pty.echoes()));
    pty.type_in("secret\n");
    assert_eq!(pty.wait().code(), Some(0));
    assert!(pty.echoes());
    assert_eq!(pty.screen(), "\n");
    login::assert_password(&place.database(), "jephe", "secret");
}

#[test]
fn the_questions_are_seen_when_standard_output_is_not() {
    let place = Place::new();
    let elsewhere = place.dir.join("output");
    let file = fs::File::create(&elsewhere).expect("output");
    let mut pty = Pty::run_with(&place.command(&["-u", REALM, "jephe"]), |command, _| {
        command.stdout(file.try_clone().expect("output")).stderr(file);
    });
    pty.answer(FIRST, "secret");
    pty.answer(SECOND, "other");
    assert_eq!((pty.wait().code(), pty.echoes()), (Some(7), true));
    assert_eq!(fs::read_to_string(&elsewhere).expect("output"), "saslpasswd: passwords don't match; aborting\n");
}

#[test]
fn signals_end_it_and_leave_the_terminal_as_it_was() {
    let place = Place::new();
    let signals = [(Signal::INT, "\x03"), (Signal::QUIT, "\x1c"), (Signal::TERM, ""), (Signal::HUP, "")];
    for (signal, key) in signals {
        for answered in [false, true] {
            // Where a core would be written, and with all signals heeded, whatever the tests themselves are started with.
            let mut shell = Command::new("sh");
            let run = "cd \"$1\" && ulimit -c unlimited && exec env --default-signal \"$0\" -f \"$1/sasldb\" jephe";
            shell.args(["-c", run, SASLPASSWD]);
            let mut pty = Pty::run(shell.arg(place.dir.path()));
            if answered {
                pty.answer(FIRST, "secret");
                pty.expect(SECOND);
            } else {
                pty.expect(FIRST);
            }
            assert!(!pty.echoes());
            pty.type_in("secr");
            match key {
                "" => pty.signal(signal),
                key => pty.type_in(key),
            }
            let status = pty.wait();
            assert_eq!(status.signal(), Some(signal.as_raw()), "{signal:?}");
            assert!(pty.echoes(), "{signal:?} leaves the terminal without echo");
            assert!(!status.core_dumped(), "{signal:?}: the password may be in the core");
            assert!(pty.screen().ends_with(": \n"), "{signal:?}: {:?}", pty.screen());
        }
    }
    assert!(!place.database().exists());
}

#[test]
fn a_signal_that_was_ignored_stays_so() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", SASLPASSWD, "-f"]).arg(place.database());
    let mut pty = Pty::run(shell.args(["-u", REALM, "jephe"]));
    pty.expect(FIRST);
    pty.signal(Signal::HUP);
    pty.type_in("secret\n");
    pty.answer(SECOND, "secret");
    assert_eq!((pty.wait().code(), pty.echoes()), (Some(0), true));
    login::assert_password(&place.database(), "jephe", "secret");
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let place = Place::new();
    let mut pty = at_terminal(&place);
    pty.expect(FIRST);
    pty.hang_up();
    assert!(!pty.wait().success());
    assert!(!place.database().exists());
}

#[test]
fn stopped_at_the_keyboard_it_gives_the_terminal_back_and_asks_again() {
    let place = Place::new();
    // A shell that manages jobs, but neither saves nor restores the terminal's settings.
    let script = "\"$0\" \"$@\"; echo; echo stopped; stty -a | tr ' ;' '\\n' | grep -x -e -echo -e echo; read line; \
                  fg >/dev/null; echo done $?";
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-mc", script, SASLPASSWD, "-f"]).arg(place.database()).args(["-u", REALM, "jephe"]);
    let mut pty = Pty::run(&shell);
    pty.answer(FIRST, "secret");
    pty.expect(SECOND);
    pty.type_in("sec\x1a");
    pty.expect("stopped\necho\n");
    assert!(pty.echoes());
    pty.type_in("go on\n");
    pty.answer(SECOND, "secret");
    assert_eq!(pty.end("done 0\n"), (Some(0), true));
    login::assert_password(&place.database(), "jephe", "secret");
}

#[test]
fn where_no_shell_could_continue_it_nothing_stops_it() {
    let place = Place::new();
    let mut pty = at_terminal(&place);
    pty.expect(FIRST);
    pty.type_in("sec\x1a");
    pty.answer(FIRST, "secret");
    pty.answer(SECOND, "secret");
    assert_eq!((pty.wait().code(), pty.echoes()), (Some(0), true));
    login::assert_password(&place.database(), "jephe", "secret");
}

#[test]
fn stopped_without_warning_it_hides_what_is_typed_again() {
    let place = Place::new();
    let mut pty = at_terminal(&place);
    pty.expect(FIRST);
    pty.signal(Signal::STOP);
    assert!(wait_until(PATIENCE, || pty.stopped()));
    // As a shell does when it has the terminal back.
    pty.set_echo(true);
    pty.signal(Signal::CONT);
    pty.answer(FIRST, "secret");
    // To be continued without having been stopped harms nothing either.
    pty.expect(SECOND);
    pty.signal(Signal::CONT);
    pty.answer(SECOND, "secret");
    assert_eq!((pty.wait().code(), pty.echoes()), (Some(0), true));
    login::assert_password(&place.database(), "jephe", "secret");
}

#[test]
fn in_the_background_it_waits_until_it_has_the_terminal() {
    let place = Place::new();
    let script = "\"$0\" \"$@\" & while ! grep -q '^State:.T' /proc/$!/status; do :; done; echo stopped; \
                  stty -a | tr ' ;' '\\n' | grep -x -e -echo -e echo; stty -ixon; fg >/dev/null; echo done $?; \
                  stty -a | tr ' ;' '\\n' | grep -x -e -ixon -e ixon";
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-mc", script, SASLPASSWD, "-f"]).arg(place.database()).args(["-u", REALM, "jephe"]);
    let mut pty = Pty::run(&shell);
    pty.expect("stopped\necho\n");
    pty.answer(FIRST, "secret");
    pty.answer(SECOND, "secret");
    // What the terminal was like before it was the tool's does not count.
    assert_eq!(pty.end("done 0\n-ixon\n"), (Some(0), true));
    assert_eq!(pty.screen().matches(FIRST).count(), 1, "{}", pty.screen());
    login::assert_password(&place.database(), "jephe", "secret");
}

#[test]
fn ended_in_the_background_it_leaves_the_terminal_to_others() {
    let place = Place::new();
    let script = "\"$0\" -f \"$1\" jephe; echo; echo stopped; stty echo; kill -s TERM %1; kill -s CONT %1; wait %1; \
                  echo done $?";
    let mut shell = Command::new("bash");
    let mut pty = Pty::run(shell.args(["--norc", "-mc", script, SASLPASSWD]).arg(place.database()));
    pty.expect(FIRST);
    let name = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let tool = family(pty.pid()).into_iter().find(|pid| name(pid) == "saslpasswd\n").expect("saslpasswd");
    let tool = Pid::from_raw(tool.cast_signed()).expect("its number");
    kill_process(tool, Signal::STOP).expect("kill");
    pty.expect("stopped\n");
    assert_eq!(pty.end("done 143\n"), (Some(0), true));
}

#[test]
fn a_terminal_that_had_no_echo_keeps_none() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    let script =
        "stty -echo -icanon; \"$0\" \"$@\"; echo done $?; stty -a | tr ' ;' '\\n' | grep -x -e -icanon -e icanon";
    shell.args(["-c", script, SASLPASSWD, "-f"]).arg(place.database());
    let mut pty = Pty::run(shell.args(["-u", REALM, "jephe"]));
    pty.answer(FIRST, "secret");
    pty.answer(SECOND, "secret");
    assert_eq!(pty.end("done 0\n-icanon\n"), (Some(0), false));
}

#[test]
fn errors_leave_the_terminal_as_it_was() {
    let place = Place::new();
    let nowhere = TempDir::new("tools").join("missing/sasldb");
    let mut command = Command::new(SASLPASSWD);
    let mut pty = Pty::run(command.arg("-f").arg(&nowhere).args(["-c", "-u", REALM, "jephe"]));
    pty.answer(FIRST, "secret");
    pty.answer(SECOND, "secret");
    let failed = format!("saslpasswd: generic failure: {}: ", nowhere.display());
    assert_eq!(pty.end(&failed), (Some(1), true));
    assert!(!place.database().exists());
}
