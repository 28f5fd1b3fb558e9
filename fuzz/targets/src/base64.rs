//! Base64: the strict decoder of the mechanisms, and the two functions of the C interface.

use oxisasl::b64::{DecodedC, decode, decode_c, encode, encode_c};

/// The first byte says how much room the C functions have beside what they need, the rest is both text and bytes.
pub fn run(data: &[u8]) {
    let Some((room, input)) = data.split_first() else { return };
    let text = encode(input);
    assert_eq!(decode(text.as_bytes()).as_deref(), Some(input), "what is encoded is decoded");
    if let Some(bytes) = decode(input) {
        assert_eq!(encode(&bytes).as_bytes(), input, "there is one encoding only");
    }
    let mut out = vec![0xaa; usize::from(*room)];
    match encode_c(input, &mut out) {
        (Ok(()), len) => assert_eq!((&out[..len], out[len]), (text.as_bytes(), 0)),
        (Err(_), len) => assert!(len == text.len() && out.len() <= len && out.iter().all(|byte| *byte == 0xaa)),
    }
    let mut out = vec![0xaa; input.len() + 1];
    let DecodedC { result, len } = decode_c(input, &mut out);
    match (decode(input), result, len) {
        (Some(bytes), Ok(true), Some(len)) => assert_eq!((&out[..len], out[len]), (&bytes[..], 0)),
        (Some(_), ..) => panic!("the C function refuses what is strictly right: {result:?}"),
        // It is the more lenient of the two, but does not make bytes of nothing.
        (None, _, len) => assert!(len.unwrap_or(0) <= input.len() / 4 * 3),
    }
    let mut little = vec![0xaa; usize::from(*room) % 16];
    if let DecodedC { result: Ok(_), len: Some(len) } = decode_c(input, &mut little) {
        assert_eq!(little.get(..len), out.get(..len), "the room makes no difference to the bytes");
    }
}
