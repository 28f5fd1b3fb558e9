//! The register of the field's holes, `docs/vulnerabilities.md`, and the tests that it names which are nowhere else.

#[path = "../support/cc.rs"]
mod cc;
#[path = "../common/mod.rs"]
mod common;
#[path = "../rig/mod.rs"]
mod rig;

mod exchanges;
mod programs;
mod statistics;

mod register {
    use std::collections::BTreeSet;
    use std::fs;

    use crate::rig::base::repository;

    /// What the field has had: each must be in the first column of a row.
    #[rustfmt::skip]
    const KNOWN: &[&str] = &[
        // Cyrus SASL and saslauthd.
        "CVE-2026-107161", "#889", "#888", "#896", "#889b", "CVE-2022-24407", "CVE-2019-19906", "#587", "CVE-2020-8032",
        "CVE-2013-4122", "CVE-2009-0688", "CVE-2006-1721", "CVE-2005-0373", "CVE-2004-0884", "CVE-2002-1347",
        "CVE-2002-2043", "#374", "#400", "#641", "#654", "#811", "#815", "#545", "code fact",
        // Other implementations.
        "CVE-2026-48829", "CVE-2022-2469", "GNU SASL 2.1.0", "gsasl `lib/scram/server.c`", "rsasl 2.2.1",
        "CVE-2025-59432", "CVE-2026-53712", "CVE-2026-54291", "CVE-2025-49146", "CVE-2024-56128", "CVE-2022-48195",
        "OF-3257", "OF-3258", "OF-3350 to OF-3356", "Prosody", "xmpp #78", "ejabberd #4322", "passlib #30",
        "CVE-2026-43859", "CVE-2026-43862", "CVE-2026-47783", "CVE-2013-7239", "CVE-2016-8706",
        // Dovecot.
        "CVE-2025-59028", "CVE-2026-24031", "CVE-2026-27860", "CVE-2026-27855", "CVE-2026-27856", "CVE-2026-27851",
        "CVE-2025-30189", "CVE-2021-29157", "CVE-2021-33515", "CVE-2011-0411", "CVE-2021-38371", "CVE-2020-12673",
        "CVE-2020-12674", "CVE-2019-3814", "CVE-2019-11500", "CVE-2019-10691", "CVE-2019-11494", "CVE-2019-11499",
        "CVE-2017-15132", "CVE-2017-2669", "CVE-2022-30550",
        // Programs.
        "CVE-2011-1720", "CVE-2023-42114", "CVE-2023-42115", "CVE-2023-42116", "CVE-2026-40687", "CVE-2018-6789",
        "CVE-2020-12783", "CVE-2019-13565", "CVE-2019-13057", "CVE-2020-36225", "CVE-2020-36226", "CVE-2020-36228",
        "CVE-2020-36229", "imapd PR 3312", "CVE-2000-0990", "huge first message",
        // Classes.
        "class 1", "class 2", "class 3", "class 4", "class 5", "class 6", "class 7", "class 8", "class 9", "class 10",
        "class 11", "class 12", "class 13", "class 14", "class 15", "class 16", "class 17", "class 18",
    ];

    /// The cells of each row.
    fn rows() -> Vec<Vec<String>> {
        let text = fs::read_to_string(repository("docs/vulnerabilities.md")).expect("the register");
        let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id |"));
        rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
    }

    #[test]
    fn the_register_has_a_row_for_each_known_hole() {
        let rows = rows();
        let mut ids = BTreeSet::new();
        for row in &rows {
            assert_eq!(row.len(), 4, "{row:?}");
            assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
            for id in row[0].split(", ") {
                assert!(ids.insert(id.to_owned()), "{id} has two rows");
            }
        }
        let known: BTreeSet<String> = KNOWN.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(ids, known, "the rows of the register and what is known");
    }

    /// Whether a source has a test of this name that runs.
    fn has_test(source: &str, name: &str) -> bool {
        let Some((before, _)) = source.split_once(&format!("fn {name}()")) else { return false };
        let attributes = before.rsplit("\n\n").next().unwrap_or_default();
        attributes.contains("#[test]") && !attributes.contains("#[ignore")
    }

    #[test]
    fn every_test_that_the_register_names_is_there() {
        let programs = fs::read_to_string(repository("tests/c_abi/main.rs")).expect("the list of programs");
        for row in rows() {
            let mut named = 0;
            for word in row[3].split('`').skip(1).step_by(2) {
                match word.split_once("::") {
                    Some((file, test)) => {
                        let source = fs::read_to_string(repository(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
                        assert!(has_test(&source, test), "{}: no test {test} in {file}", row[0]);
                        named += 1;
                    }
                    None if word.starts_with("tests/c/") => {
                        assert!(repository(word).exists(), "{}: {word}", row[0]);
                        let program = word.trim_start_matches("tests/c/").trim_end_matches(".c");
                        assert!(programs.contains(program), "{program}");
                        named += 1;
                    }
                    None => {}
                }
            }
            // Without a test there is a sentence that says why.
            assert!(named > 0 || row[3].split_whitespace().count() > 6, "{row:?}");
        }
    }
}
