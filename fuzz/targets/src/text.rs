//! SASLprep, quoted strings, names in GS2 headers, and the C interface's idea of UTF-8.

use oxisasl::text::{escape_name, prepared_password, quote, saslprep, unescape_name, unquote, utf8verify};

/// What is prepared stays as it is; what is quoted or escaped comes back.
pub fn run(data: &[u8]) {
    match saslprep(data) {
        Ok(prepared) => {
            assert_eq!(saslprep(&prepared).as_deref(), Ok(&*prepared), "preparing twice is preparing once");
            assert!(str::from_utf8(&prepared).is_ok());
        }
        Err(_) => assert!(!data.iter().all(|byte| matches!(byte, b' '..=b'~'))),
    }
    assert!(data.is_empty() || !prepared_password(data).expose().is_empty(), "no password becomes an empty one");
    let mut quoted = Vec::new();
    quote(data, &mut quoted);
    quoted.extend(b",rest");
    let (value, rest) = unquote(&quoted).expect("a quoted string");
    assert_eq!((&*value, rest), (data, &b",rest"[..]));
    let _ = unquote(data);
    let mut escaped = Vec::new();
    escape_name(data, &mut escaped);
    assert!(!escaped.contains(&b','));
    assert_eq!(unescape_name(&escaped).as_deref(), str::from_utf8(data).ok().map(str::as_bytes));
    if let Some(name) = unescape_name(data) {
        let mut again = Vec::new();
        escape_name(&name, &mut again);
        // A comma that is not escaped is taken here; who reads a message has cut it at its commas.
        assert!(again == data || data.contains(&b','));
    }
    assert!(str::from_utf8(data).is_err() || utf8verify(data), "what is UTF-8 passes");
}
