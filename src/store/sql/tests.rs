use super::*;
use crate::config::NoOptions;

#[test]
fn it_is_there_only_when_it_knows_what_to_ask() {
    assert!(!Sql::new().is_configured(&NoOptions));
    assert!(!Sql::new().is_configured(&[("sql_engine", "sqlite")]));
    assert!(Sql::new().is_configured(&[("sql_select", "SELECT 1")]));
    assert!(Sql::new().is_configured(&[("sql_statement", "SELECT 1")]));
}

#[test]
fn secrets_that_are_no_text_become_some() {
    for bytes in [&b""[..], b"md5\t499\tx", b"\0\xff", b"{B64}", b"{B64}AA==", &[7; 32]] {
        let kept = encoded(&Secret::from(bytes));
        assert!(kept.expose().iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
        assert_eq!(decoded(kept.expose()).unwrap().expose(), bytes);
    }
    assert!(decoded(b"{B64}!").is_none());
}

#[test]
fn options_that_are_wrong_are_named() {
    let refused = |options: [(&str, &str); 3]| match Sql::new().database(&options) {
        Ok(_) => panic!("{options:?}"),
        Err(error) => error,
    };
    let select = ("sql_select", "SELECT '%u'");
    for (option, options) in [
        ("sql_engine", [select, ("sql_engine", "oracle"), ("sql_passwd", "hunter2")]),
        ("sql_timeout", [select, ("sql_timeout", "soon"), ("sql_passwd", "hunter2")]),
        ("sql_timeout", [select, ("sql_timeout", "0"), ("sql_passwd", "hunter2")]),
        ("sql_select", [("sql_select", "SELECT x_%u"), ("sql_engine", "pgsql"), ("sql_passwd", "hunter2")]),
    ] {
        let error = refused(options);
        assert_eq!(error.code(), Code::ConfigErr);
        assert!(error.detail().contains(option) && !error.detail().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_database_is_made_once() {
    let sql = Sql::new();
    let options = [("sql_select", "SELECT '%u'"), ("sql_engine", "sqlite"), ("sql_passwd", "a")];
    let other = [("sql_select", "SELECT '%u'"), ("sql_engine", "sqlite"), ("sql_passwd", "b")];
    let first = sql.database(&options).unwrap();
    assert!(Arc::ptr_eq(&first, &sql.database(&options).unwrap()));
    assert!(!Arc::ptr_eq(&first, &sql.database(&other).unwrap()));
}
