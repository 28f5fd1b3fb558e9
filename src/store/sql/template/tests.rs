use super::*;

const ENGINES: [Engine; 3] = [Engine::Pgsql, Engine::Sqlite, Engine::Mysql];

fn values() -> Values<'static> {
    Values { user: b"alice", realm: b"r", property: "mail", value: Some(b"v") }
}

fn filled(text: &str, engine: Engine) -> Result<(String, String)> {
    let template = Template::parse("sql_select", text, engine)?;
    let statement = template.fill(values()).unwrap();
    let parameters = statement.parameters.iter().map(|value| String::from_utf8_lossy(value.unwrap_or(b"NULL")));
    Ok((statement.text.clone(), parameters.collect::<Vec<_>>().join(",")))
}

/// What a statement becomes for PostgreSQL, and its parameters.
fn pgsql(text: &str) -> (String, String) {
    filled(text, Engine::Pgsql).unwrap()
}

#[test]
fn each_place_is_a_parameter() {
    let of = |text: &str, parameters: &str| (text.to_owned(), parameters.to_owned());
    let select = "SELECT password FROM users WHERE name = '%u' AND realm = '%r' AND p='%p';";
    let expected = "SELECT password FROM users WHERE name = $1 AND realm = $2 AND p=$3";
    assert_eq!(pgsql(select), of(expected, "alice,r,mail"));
    assert_eq!(filled(select, Engine::Sqlite).unwrap().0, expected.replace('$', "?"));
    let bare = "SELECT password FROM users WHERE name = ? AND realm = ? AND p=?";
    assert_eq!(filled(select, Engine::Mysql).unwrap(), of(bare, "alice,r,mail"));
    assert_eq!(pgsql("f(%u,%r, %v)"), of("f($1,$2, $3)", "alice,r,v"));
    assert_eq!(pgsql("x='%u'||'%u'"), of("x=$1||$2", "alice,alice"));
    assert_eq!(pgsql("'it''s' = '%u'"), of("'it''s' = $1", "alice"));
}

#[test]
fn a_place_in_a_longer_text_is_a_concatenation() {
    let text = "x = '%u@%r'";
    assert_eq!(pgsql(text).0, "x = (CAST($1 AS text)||'@'||CAST($2 AS text))");
    assert_eq!(filled(text, Engine::Sqlite).unwrap().0, "x = (?1||'@'||?2)");
    assert_eq!(filled(text, Engine::Mysql).unwrap().0, "x = CONCAT(?,'@',?)");
    assert_eq!(filled(r#"x = "it's %u""#, Engine::Mysql).unwrap().0, "x = CONCAT('it''s ',?)");
    assert_eq!(filled(r#"x = "%u""#, Engine::Sqlite).unwrap().0, "x = ?1");
    assert_eq!(pgsql("x LIKE '%%%u''%%'").0, "x LIKE ('%'||CAST($1 AS text)||'''%')");
}

#[test]
fn a_property_outside_of_quotes_is_a_column() {
    assert_eq!(pgsql("SELECT %p FROM u WHERE n='%u'").0, "SELECT mail FROM u WHERE n=$1");
    assert_eq!(pgsql("SELECT \"%p\" FROM u").0, "SELECT \"mail\" FROM u");
    assert_eq!(filled("SELECT `%p` FROM u", Engine::Mysql).unwrap().0, "SELECT `mail` FROM u");
    assert_eq!(filled("SELECT \"%p\" FROM u", Engine::Sqlite).unwrap().0, "SELECT `mail` FROM u");
    assert_eq!(pgsql("SELECT a_%p FROM u").0, "SELECT a_mail FROM u");
    let column = |engine, text: &str, property| {
        let template = Template::parse("x", text, engine).unwrap();
        template.fill(Values { property, ..values() }).map(|statement| statement.text)
    };
    for engine in ENGINES {
        let quoted = engine.quoted_name("cmusaslsecretCRAM-MD5");
        assert_eq!(column(engine, "%p", "cmusaslsecretCRAM-MD5"), Some(quoted));
        assert_eq!(column(engine, "a_%p", "cmusaslsecretCRAM-MD5"), None);
        for hostile in ["", "a\"b", "a`b", "a;b", "a'b", "a\\b", "1;--", "*", "a,b", "a(b)", "\u{e9}", "a\0"] {
            assert_eq!(column(engine, "%p", hostile), None, "{hostile}");
            assert_eq!(column(engine, "`%p`", hostile).filter(|_| engine != Engine::Pgsql), None, "{hostile}");
        }
    }
}

#[test]
fn percent_signs_that_are_no_places_stay() {
    assert_eq!(pgsql("a %% b %x '%%u' '%x' %").0, "a % b %x '%u' '%x' %");
    // What is in a comment is no place.
    assert_eq!(pgsql("a -- %u").0, "a  ");
    assert_eq!(pgsql("a /* '%u */ = '%u'").0, "a   = $1");
}

#[test]
fn what_cannot_take_a_value_is_refused() {
    for (text, engines) in [
        ("", &ENGINES[..]),
        ("SELECT '%u", &ENGINES[..]),
        ("SELECT x FROM t_%r", &ENGINES[..]),
        ("SELECT x FROM %r_t", &ENGINES[..]),
        ("SELECT %u%r", &ENGINES[..]),
        ("SELECT a; DELETE FROM x", &ENGINES[..]),
        ("SELECT `%u`", &ENGINES[..]),
        ("SELECT E'%u'", &ENGINES[..]),
        ("SELECT \"%u\"", &ENGINES[..1]),
        ("SELECT $1", &ENGINES[..1]),
        ("SELECT $$%u$$", &ENGINES[..1]),
        ("SELECT $a$%u$a$", &ENGINES[..1]),
        ("SELECT ?", &ENGINES[1..]),
        (r"SELECT 'a\'%u'", &ENGINES[2..]),
    ] {
        for engine in engines {
            let error = filled(text, *engine).unwrap_err();
            assert_eq!(error.code(), Code::ConfigErr);
            assert!(error.detail().starts_with("sql_select: "), "{text}: {error}");
        }
    }
    assert_eq!(pgsql("SELECT $$%x$$, a$b ? 'k'").0, "SELECT $$%x$$, a$b ? 'k'");
    assert_eq!(filled(r"x='a\'b' AND y='%u'", Engine::Mysql).unwrap().0, r"x='a\'b' AND y=?");
}

#[test]
fn how_the_property_is_told_is_known() {
    let told = |text: &str| Template::parse("x", text, Engine::Pgsql).unwrap().property_use();
    assert_eq!(told("SELECT p FROM u WHERE n='%u'"), PropertyUse::No);
    assert_eq!(told("SELECT p FROM u WHERE n='%u' AND p='%p'"), PropertyUse::Value);
    assert_eq!(told("SELECT p FROM u WHERE p='x-%p'"), PropertyUse::Value);
    assert_eq!(told("SELECT %p FROM u"), PropertyUse::Column);
}

/// Whatever the values are, the statement is the same.
#[test]
fn values_do_not_reach_the_statement() {
    for engine in ENGINES {
        let text = "SELECT x FROM y WHERE a='%u' AND b='%r@%u' AND c='%v' AND d = %u";
        let template = Template::parse("x", text, engine).unwrap();
        let expected = template.fill(values()).unwrap().text;
        for byte in 0..=255_u8 {
            let value = [byte, b'\'', byte];
            let hostile = Values { user: &value, realm: &value, property: "p", value: Some(&value) };
            let statement = template.fill(hostile).unwrap();
            assert_eq!(statement.text, expected);
            assert!(statement.parameters.iter().all(|parameter| *parameter == Some(&value[..])));
        }
    }
}
