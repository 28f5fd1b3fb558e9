//! Names and passwords that would be something else than that if they could.

/// Each byte by itself and between quotes; and what is something in a statement or a template.
pub fn hostile() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for byte in 0..=255_u8 {
        all.extend([vec![byte], vec![b'\'', byte, b'\'']]);
    }
    let texts = [
        "' OR '1'='1",
        "'; DROP TABLE properties; --",
        "\\'; --",
        "\\",
        "\\\\",
        "{}",
        "{0}",
        "$1",
        "$2",
        "?",
        "?1",
        ":name",
        "@x",
        "%u",
        "%p",
        "%v",
        "%%",
        "%s",
        "%n",
        "--",
        "/*",
        "*/",
        "#",
        "\"",
        "`",
        "''",
        "''''",
        "NULL",
        "null",
        "*",
        "a\u{0}b",
        "\u{2019}",
        "\u{ff07}",
        "\u{fe68}",
        "\u{10ffff}",
        "$$",
        "E'\\000'",
        "0x27",
        "CHAR(39)",
        "a' || 'b",
        "\u{301}e",
        "\r\n",
        "victim' -- ",
        "victim'/*",
        "VICTIM\u{0}",
        "x' UNION SELECT val FROM properties -- ",
    ];
    all.extend(texts.map(|text| text.as_bytes().to_vec()));
    all.extend([vec![b'\''; 65536], vec![b'x'; 65536], b"%u'\\".repeat(16384)]);
    all.sort();
    all.dedup();
    all
}
