//! Plugins of the test's own as files: found, judged, loaded and let go of; and files that are no plugins.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::cc;
use crate::pair::{DEBIAN, End, database, talk};
use crate::rig::base::{Library, Ran, TempDir, must, run, set_mode};

/// Compiles `tests/c/plugin_file.c`, against our headers, to a file.
fn plugin(file: &Path, defines: &[&str]) {
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I"]);
    compiler.arg(cc::include_dir()).args(defines.iter().map(|define| format!("-D{define}")));
    cc::run(compiler.arg("-o").arg(file).arg(cc::c_dir().join("plugin_file.c")));
}

/// A directory with the plugin `libfile.so`, whose mechanism is X-FILE.
fn plugins() -> TempDir {
    let dir = TempDir::new("files");
    plugin(&dir.join("libfile.so"), &[]);
    dir
}

/// Compiles `tests/c/plugin_host.c`; `library` is where the program looks for the library without being told.
fn host(file: &Path, library: Option<&Path>) {
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Werror", "-rdynamic", "-o"]);
    compiler.arg(file).arg(cc::c_dir().join("plugin_host.c")).arg("-lsasl2");
    compiler.args(library.map(|dir| format!("-Wl,-rpath,{}", dir.display())));
    cc::run(&mut compiler);
}

/// The program on a library, which looks for plugins in a directory without any unless it is told otherwise.
fn hosting(library: &Library, told: &[&str]) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let file = cc::scratch("host").join("plugin_host");
        host(&file, None);
        file
    });
    let mut command = library.command("timeout");
    command.arg("60").arg(program).args(told).env("SASL_PATH", "/nonexistent").env("SASL_CONF_PATH", "/nonexistent");
    command
}

fn ran(command: &mut Command) -> Ran {
    let ran = run(command, b"");
    assert!(ran.status.success(), "{command:?}: {ran:#?}");
    ran
}

fn path(dir: &TempDir) -> String {
    format!("path={}", dir.path().display())
}

/// The names of the mechanisms offered.
fn offered(ran: &Ran) -> Vec<&str> {
    let list = ran.stdout.lines().find_map(|line| line.strip_prefix("offered OK "));
    list.unwrap_or_else(|| panic!("{ran:#?}")).split(' ').collect()
}

#[test]
fn the_same_file_works_on_either_library() {
    let (ours, stock) = (Library::under_test(), Library::stock());
    let dir = plugins();
    let told = [&*path(&dir), "canon_user_plugin=file"];
    let mut events = Vec::new();
    for (serving, asking) in [(&ours, &stock), (&stock, &ours), (&ours, &ours), (&stock, &stock)] {
        let server = End::new(serving).with(&told).with(&["auxprop_plugin=file", "file_option=blue"]);
        // The client's canonicaliser makes the name lower case.
        let client = End::new(asking).with(&told).with(&["user=ALICE"]);
        let right = talk("X-FILE", &server, &client);
        right.expect("alice", 9);
        assert_eq!(right.server.value("source "), Some("file"), "{right:#?}");
        assert!(right.server.has("log 4 the option is blue"), "{right:#?}");
        let wrong = talk("X-FILE", &server, &client.clone().with(&["pass=wrong"]));
        wrong.expect_refusal();
        assert!(wrong.server.has("the password is wrong"), "{wrong:#?}");
        talk("X-FILE", &server, &client.with(&["user=nobody"])).expect_refusal();
        // The plugin is called in the same order.
        let own = |line: &&String| line.starts_with("[file]");
        events.push((
            right.server.lines.iter().filter(own).cloned().collect::<Vec<_>>(),
            right.client.lines.iter().filter(own).cloned().collect::<Vec<_>>(),
        ));
    }
    assert!(events.iter().all(|event| *event == events[3]), "{events:#?}");
    assert!(events[0].0.last().is_some_and(|line| line.ends_with("unloaded")), "{events:#?}");
}

/// The plugin's layer and its store in valgrind, on both sides.
#[test]
fn an_own_plugin_uses_memory_well() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = plugins();
    let below: &[&str] = &["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite"];
    let watched = |end: End| End { below, ..end };
    let server = End::new(&library).with(&[&path(&dir), "auxprop_plugin=file"]);
    let both = talk("X-FILE", &watched(server), &watched(End::new(&library).with(&[&path(&dir)])));
    both.expect("alice", 9);
    for end in [&both.server, &both.client] {
        assert!(!end.has("definitely lost"), "{both:#?}");
    }
}

const NOTHING: &[&str] = &["NO_SERVER", "NO_CLIENT", "NO_STORE", "NO_CANON"];
const SERVER_ONLY: &[&str] = &["NO_CLIENT", "NO_STORE", "NO_CANON"];

/// Files that are no plugins, and plugins that cannot be used, each with the reason that is given.
fn broken(dir: &TempDir) -> Vec<(PathBuf, &'static str)> {
    let own = |name: &str, more: &[&str]| {
        let file = dir.join(format!("lib{name}.so"));
        plugin(&file, &[SERVER_ONLY, more].concat());
        file
    };
    let good = fs::read(dir.join("libfile.so")).expect("plugin");
    let narrow = [&good[..4], &[1], &good[5..]].concat();
    let (dangling, directory, pipe) = (dir.join("libdangling.so"), dir.dir("libdirectory.so"), dir.join("libpipe.so"));
    symlink("/nonexistent", &dangling).expect("link");
    must(Command::new("mkfifo").arg(&pipe));
    plugin(&dir.join("libnothing.so"), NOTHING);
    vec![
        (dir.write("libempty.so", ""), "file too short"),
        (dir.write("libtext.so", "This is not a shared object, whatever its name says.\n".repeat(9)), "invalid ELF"),
        (dir.write("libcut.so", &good[..good.len() / 4]), "it is cut off"),
        (dir.write("libheader.so", &good[..100]), "it is cut off"),
        (dir.write("libnarrow.so", narrow), "wrong ELF class"),
        (dangling, "No such file"),
        (directory, "it is not a file"),
        (pipe, "it is not a file"),
        (own("undefined", &["UNDEFINED"]), "undefined symbol: nobody_has_this_function"),
        (dir.join("libnothing.so"), "none of the functions that a plugin begins with"),
        (own("newer", &["VERSION=99"]), "has version 99, and 4 is wanted"),
        (own("older", &["VERSION=3"]), "has version 3, and 4 is wanted"),
        (own("fails", &["ANSWER=SASL_FAIL"]), "does not start: generic failure"),
        (own("garbage", &["ANSWER=4711"]), "its first function answers 4711"),
        (own("negative", &["COUNT=-1"]), "an array of mechanisms that cannot be"),
        (own("many", &["COUNT=100000"]), "an array of mechanisms that cannot be"),
        (own("nameless", &["MECH=\"\""]), "a mechanism without a proper name"),
        (own("blank", &["MECH=\"X BROKEN\""]), "a mechanism without a proper name"),
    ]
}

#[test]
fn broken_files_cost_a_line_each_and_nothing_else() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = plugins();
    let broken = broken(&dir);
    let database = database(&library, &dir.join("sasldb2"));
    for (mechanism, store) in [("PLAIN", "sasldb"), ("X-FILE", "file")] {
        let server = End::new(&library).with(&[&path(&dir), &database, &format!("auxprop_plugin={store}")]);
        let both = talk(mechanism, &server, &End::new(&library).with(&[&path(&dir)]));
        both.expect("alice", if mechanism == "X-FILE" { 9 } else { 0 });
        for (file, reason) in &broken {
            let about = |line: &&String| line.starts_with("log 1 ") && line.contains(&*file.to_string_lossy());
            let lines: Vec<_> = both.server.lines.iter().filter(about).collect();
            assert_eq!(lines.len(), 1, "{}: {lines:#?} {both:#?}", file.display());
            assert!(lines[0].contains(reason), "{}: {lines:#?}", file.display());
        }
        let errors = both.server.lines.iter().filter(|line| line.starts_with("log 1 ")).count();
        assert_eq!(errors, broken.len(), "{both:#?}");
    }
}

#[test]
fn both_sides_complain_once() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = TempDir::new("files");
    dir.write("libempty.so", "");
    let said = ran(&mut hosting(&library, &[&path(&dir)])).stdout;
    assert_eq!(said.matches("libempty.so").count(), 1, "{said}");
}

#[test]
fn directories_are_searched_in_turn_and_names_decide() {
    let library = Library::under_test();
    let (first, second) = (TempDir::new("first"), TempDir::new("second"));
    let put = |file: PathBuf, tag: &str, mech: &str| {
        plugin(&file, &[&format!("TAG=\"{tag}\""), &format!("MECH=\"{mech}\"")]);
    };
    put(first.join("libone.so"), "one", "X-ONE");
    put(first.join("noprefix.so"), "bare", "X-BARE");
    put(first.join("libversioned.so.2"), "versioned", "X-VERSIONED");
    put(first.join("libcapital.SO"), "capital", "X-CAPITAL");
    put(second.join("libother.so"), "other", "X-OTHER");
    // The same name in another directory comes too late.
    put(second.join("libone.so"), "late", "X-ONE");
    let list = format!("path={}:/nonexistent::{}=/not/looked/at", first.path().display(), second.path().display());
    let said = ran(&mut hosting(&library, &[&list, "side=server"]));
    let names: Vec<_> = offered(&said).into_iter().filter(|name| name.starts_with("X-")).collect();
    if library.is_stock() {
        assert!(names.contains(&"X-ONE") && names.contains(&"X-BARE") && names.contains(&"X-OTHER"), "{said:#?}");
        return;
    }
    assert_eq!(names, ["X-ONE", "X-BARE", "X-OTHER"], "{said:#?}");
    assert!(said.stdout.contains("server one X-ONE"), "{said:#?}");
    assert!(
        said.stdout.contains(&*format!(
            "X-ONE of the plugin {} is not used: another plugin has it already",
            second.join("libone.so").display()
        )),
        "{said:#?}"
    );
    // Through the other ways to name directories.
    let directory = first.path().to_string_lossy();
    let mut by_call = hosting(&library, &["side=server", &format!("set_path={directory}")]);
    assert!(offered(&ran(&mut by_call)).contains(&"X-ONE"));
    let mut by_environment = hosting(&library, &["side=server"]);
    assert!(offered(&ran(by_environment.env("SASL_PATH", &*directory))).contains(&"X-ONE"));
    // The environment does not make plugins of what lies where the program happens to run.
    let mut relative = hosting(&library, &["side=server"]);
    let said = ran(relative.current_dir(first.path()).env("SASL_PATH", "."));
    assert!(!offered(&said).contains(&"X-ONE"), "{said:#?}");
    assert!(said.stdout.contains("SASL_PATH may not name directories"), "{said:#?}");
}

#[test]
fn a_mechanism_of_a_file_does_not_take_the_place_of_a_built_in_one() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = TempDir::new("names");
    let (one, two) = (dir.join("libone.so"), dir.join("libtwo.so"));
    plugin(&one, &["TAG=\"sasldb\"", "MECH=\"SCRAM-SHA-1\""]);
    plugin(&two, &["TAG=\"two\"", "MECH=\"SCRAM-SHA-1\""]);
    let (server, client) = ("SCRAM-SHA-1 condition", "SCRAM-SHA-1 ssf");
    let said = ran(&mut hosting(&library, &[&path(&dir)])).stdout;
    for line in [format!("server scram {server}"), format!("client scram {client}"), "store sasldb writable".to_owned()]
    {
        assert!(said.contains(&line), "{line}: {said}");
    }
    for name in ["SCRAM-SHA-1", "sasldb"] {
        let line = format!("{name} of the plugin {} is not used: it is built in\n", one.display());
        assert!(said.contains(&line), "{line}: {said}");
    }
    let said = ran(&mut hosting(&library, &[&path(&dir), "prefer_plugins=SASLDB scram-sha-1"])).stdout;
    for line in [format!("server one {server}"), format!("client one {client}"), "store sasldb\n".to_owned()] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    let line = format!("SCRAM-SHA-1 of the plugin {} is not used: another plugin has it already\n", two.display());
    assert!(said.contains(&line), "{line}: {said}");
}

#[test]
fn libtool_files_name_the_object() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = TempDir::new("libtool");
    let put = |file: &str, mech: &str| plugin(&dir.join(file), &[&format!("MECH=\"{mech}\"")]);
    put("libone.so.3", "X-ONE");
    dir.write("libone.la", "# libtool\ndlname='libone.so.3'\nlibrary_names='libone.so.3 libone.so'\n");
    // What a file names must be beside it.
    put("libtwo.so", "X-TWO");
    dir.write("libtwo.la", "dlname='../libthree.so'\n");
    dir.write("libgone.la", "dlname='libgone.so.3'\n");
    dir.write("libstatic.la", "dlname=''\n");
    let said = ran(&mut hosting(&library, &[&path(&dir), "side=server"]));
    let names: Vec<_> = offered(&said).into_iter().filter(|name| name.starts_with("X-")).collect();
    assert_eq!(names, ["X-ONE", "X-TWO"], "{said:#?}");
    assert!(said.stdout.contains("libgone.la is not looked at"), "{said:#?}");
}

#[test]
fn the_application_s_verdict_counts() {
    let library = Library::under_test();
    let dir = plugins();
    plugin(&dir.join("libno.so"), &["TAG=\"no\"", "MECH=\"X-NO\""]);
    for verdict in ["-1", "1"] {
        let told = [path(&dir), format!("verify=libno,{verdict}")];
        let said = ran(&mut hosting(&library, &[&told[0], &told[1]]));
        for name in ["libfile.so", "libno.so"] {
            let asked = format!("verify {} 0\n", dir.join(name).display());
            assert_eq!(said.stdout.matches(&asked).count(), 2, "{said:#?}");
        }
        assert!(!said.stderr.contains("[no]") && said.stderr.contains("[file] loaded"), "{said:#?}");
        assert!(offered(&said).contains(&"X-FILE") && !offered(&said).contains(&"X-NO"), "{said:#?}");
    }
}

#[test]
fn a_list_of_plugins_takes_the_place_of_the_search() {
    let library = Library::under_test();
    let dir = plugins();
    plugin(&dir.join("libother.so"), &["TAG=\"other\"", "MECH=\"X-OTHER\""]);
    let (file, other) = (dir.join("libfile.so"), dir.join("libother.so"));
    let (file, other) = (file.display(), other.display());
    // The stock library never ends with a list that has an empty line or a comment.
    let list = dir.write("list", format!("{file} X-FILE 9 noplaintext noanonymous\n"));
    let told = [path(&dir), format!("plugin_list={}", list.display())];
    let told = [&*told[0], &*told[1], "verify=/,0", "start=X-FILE", "side=server"];
    let said = ran(&mut hosting(&library, &told));
    assert_eq!(offered(&said), ["X-FILE"], "{said:#?}");
    assert!(said.stdout.contains(&format!("verify {} 1\n", list.display())), "{said:#?}");
    assert!(said.stdout.contains(&format!("verify {file} 0\n")), "{said:#?}");
    assert!(!said.stdout.contains("getpath"), "{said:#?}");
    if library.is_stock() {
        return;
    }
    let plain = "/usr/lib/x86_64-linux-gnu/sasl2/libplain.so PLAIN 0 noanonymous pass_credentials";
    let text = format!(
        "# mechanisms\n\n {file}\tX-FILE 9 noplaintext noanonymous \n{other} X-OTHER 8 noplaintext noanonymous\n{plain}\n\
         {other} X-WHO\nrelative.so X-R\n/nonexistent.so X-N 0 wonderful\n/any.so LOGIN 0\n{file} X-FILE many\n"
    );
    dir.write("list", text);
    let said = ran(&mut hosting(&library, &told));
    assert_eq!(offered(&said), ["X-FILE", "PLAIN"], "{said:#?}");
    let at = list.display();
    for line in [
        format!(
            "{at}:4: X-OTHER of {other} is not used: X-OTHER is not what the list says, but \"9 noplaintext noanonymous\""
        ),
        format!("{at}:6: X-WHO of {other} is not used: the plugin other has no such mechanism"),
        format!("{at}:7: expected a file's whole path"),
        format!("{at}:8: X-N: there is no flag \"wonderful\""),
        format!("{at}:8: X-N of /nonexistent.so is not used: No such file or directory"),
        format!("{at}:9: LOGIN of /any.so is not used: LOGIN is not what the list says"),
        format!("{at}:10: expected a number after the mechanism"),
    ] {
        assert!(said.stdout.contains(&line), "{line}: {said:#?}");
    }
    // Without the list there would be mechanisms that nobody wants.
    for told in ["plugin_list=/nonexistent/list", &*format!("plugin_list={}", dir.path().display())] {
        let said = ran(&mut hosting(&library, &[&path(&dir), told, "side=server"])).stdout;
        assert!(said.contains("server_init FAIL") && said.contains("cannot read the list of plugins"), "{said}");
    }
    let refused = ran(&mut hosting(&library, &[told[0], told[1], "verify=list,-13", "side=server"])).stdout;
    assert!(refused.contains("server_init BADAUTH"), "{refused}");
}

#[test]
fn what_is_there_is_listed_as_the_stock_library_lists_it() {
    let library = Library::under_test();
    let dir = plugins();
    let lines = |library: &Library| {
        let said = ran(&mut hosting(library, &[&path(&dir)]));
        said.stdout
            .lines()
            .filter(|line| line.contains("file") && !line.contains("log"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let ours = lines(&library);
    assert_eq!(ours, lines(&Library::stock()));
    assert_eq!(ours.len(), 3, "{ours:#?}");
}

/// Neither sees the other's names: a plugin's are not the program's, although both have them.
#[test]
fn a_plugin_s_names_are_its_own() {
    let dir = plugins();
    let said = ran(&mut hosting(&Library::under_test(), &[&path(&dir)])).stdout;
    assert!(said.contains("shared_function 5 5\n") && !said.contains("is everybody's"), "{said}");
}

#[test]
fn a_plugin_stays_while_a_connection_does() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = plugins();
    let told = [&*path(&dir), "late=yes", "start=X-FILE", "auxprop_plugin=file"];
    let said = ran(&mut hosting(&library, &told));
    assert!(said.stdout.contains("start OK") && said.stdout.ends_with("all done\nend\n"), "{said:#?}");
    assert!(
        said.stderr
            .ends_with("[file] dispose\n[file] free store\n[file] free canon\n[file] free server\n[file] unloaded\n"),
        "{said:#?}"
    );
}

/// Programs confine themselves between the init and their first connection.
#[test]
fn a_program_that_cannot_open_files_any_more_has_its_plugins() {
    let (dir, empty) = (plugins(), TempDir::new("empty"));
    let closed = format!("closed={}", empty.path().display());
    let told = [&*path(&dir), &closed, "start=X-FILE", "auxprop_plugin=file", "side=server"];
    let said = ran(&mut hosting(&Library::under_test(), &told));
    assert!(said.stdout.contains("start OK"), "{said:#?}");
}

/// What a built-in store stands on is no plugin, but it is out of reach as well.
#[test]
fn a_program_that_cannot_open_files_any_more_has_its_database() {
    let dir = TempDir::new("confined");
    must(
        Command::new("sqlite3").arg(dir.join("users.db")).arg(
            "create table users (name text, password text); insert into users values ('alice@rig.test', 'secret');",
        ),
    );
    let closed = format!("closed={}", dir.path().display());
    let told = [
        &*format!("path={DEBIAN}"),
        &closed,
        "auxprop_plugin=sql",
        "sql_engine=sqlite3",
        "sql_database=/users.db",
        "sql_select=select password from users where name = '%u@%r'",
        "side=server",
    ];
    for (given, expected) in
        [("check=alice@rig.test:secret", "check OK"), ("check=alice@rig.test:wrong", "check BADAUTH")]
    {
        for library in [Library::stock(), Library::under_test()] {
            let said = ran(&mut hosting(&library, &[&told[..], &[given]].concat()));
            assert!(said.stdout.contains(expected), "{said:#?}");
        }
    }
}

#[test]
fn a_plugin_may_use_the_library_while_it_is_initialised() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = TempDir::new("nested");
    plugin(&dir.join("libnested.so"), &["NESTED", "TAG=\"nested\"", "MECH=\"X-NESTED\""]);
    let said = ran(&mut hosting(&library, &[&path(&dir), "side=server"]));
    assert!(said.stderr.contains("[nested] nested 0\n[nested] nested 0\n"), "{said:#?}");
    assert!(offered(&said).contains(&"X-NESTED"), "{said:#?}");
}

/// CVE-2004-0884: a program with more rights than its caller does not load the caller's plugins.
#[test]
fn a_set_user_id_program_ignores_the_environment() {
    let library = Library::under_test();
    let dir = plugins();
    let program = dir.join("host");
    host(&program, library.dir.as_deref());
    let offers = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).arg("side=server");
        command.env_clear().env("SASL_PATH", dir.path()).env("SASL_CONF_PATH", "/nonexistent").current_dir("/");
        ran(&mut command)
    };
    set_mode(&program, 0o755);
    assert!(offered(&offers()).contains(&"X-FILE"), "{:#?}", offers());
    set_mode(&program, 0o4755);
    assert!(!offered(&offers()).contains(&"X-FILE"), "{:#?}", offers());
}

#[test]
fn a_thousand_inits_leave_nothing() {
    let library = Library::under_test();
    let dir = plugins();
    let debian = TempDir::new("debian");
    for file in ["libplain.so", "libcrammd5.so", "libntlm.so"] {
        symlink(Path::new(crate::pair::DEBIAN).join(file), debian.join(file)).expect("link");
    }
    for directory in [&dir, &debian] {
        let told = [&*path(directory), "loops=1100", "quiet=yes", "prefer_plugins=all"];
        let mut command = hosting(&library, &told);
        // Blocks that are kept for their next use would be counted as used.
        command.env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0");
        let said = ran(&mut command).stdout;
        let grown = said.lines().find_map(|line| line.strip_prefix("grown by ")).expect("figure");
        assert!(grown.parse::<i64>().expect("figure") < 1_000, "{said}");
    }
}
