//! The security layers, over whole sessions.

use oxisasl::Code;
use oxisasl::policy::SecurityProps;

use crate::ends::{Setup, window};

const STRENGTHS: [u32; 6] = [1, 40, 55, 56, 112, 128];

#[test]
fn every_layer_and_buffer() {
    let long: Vec<u8> = (0..100_000u32).map(|index| (index % 251) as u8).collect();
    for ssf in STRENGTHS {
        for (client_buf, server_buf) in [(65536, 65536), (4096, 65536), (65536, 1024), (100, 64)] {
            let setup = Setup {
                client_security: SecurityProps { max_buf: client_buf, ..window(ssf, ssf) },
                server_security: SecurityProps { max_buf: server_buf, ..window(0, 256) },
                ..Setup::default()
            };
            let (ends, _) = setup.connect();
            assert_eq!((ends.client.ssf(), ends.server.ssf()), (ssf, ssf));
            for (length, cut) in [(0, 1), (1, 1), (1024, 3), (long.len(), 4093), (long.len(), long.len() * 2), (7, 5)] {
                ends.carries(&long[..length], cut);
            }
        }
    }
}

/// No packet is longer than the buffer that its receiver announced.
#[test]
fn packets_fit_the_receiver() {
    for ssf in STRENGTHS {
        for max_buf in [64, 1000, 8192] {
            let setup = Setup {
                client_security: SecurityProps { max_buf, ..window(ssf, ssf) },
                server_security: SecurityProps { max_buf, ..window(0, 256) },
                ..Setup::default()
            };
            let (ends, _) = setup.connect();
            let (mut sent, mut answered) = (Vec::new(), Vec::new());
            ends.client.encode(&[&[7; 20_000]], &mut sent).unwrap();
            ends.server.encode(&[&[7; 20_000]], &mut answered).unwrap();
            for stream in [sent, answered] {
                let mut rest = &stream[..];
                while let Some((length, after)) = rest.split_first_chunk::<4>() {
                    let length = u32::from_be_bytes(*length);
                    assert!(length <= max_buf, "{ssf}: {length} of {max_buf}");
                    rest = &after[length as usize..];
                }
            }
        }
    }
}

/// A packet over the receiver's buffer is refused when its length has come.
#[test]
fn long_packets_are_refused() {
    for ssf in STRENGTHS {
        let small = SecurityProps { max_buf: 1024, ..window(ssf, ssf) };
        let setup = Setup { client_security: small, server_security: small, ..Setup::default() };
        let (ends, _) = setup.connect();
        let mut out = Vec::new();
        let error = ends.server.decode(&[0, 0, 4, 1], &mut out).unwrap_err();
        assert_eq!(error.code(), Code::Fail);
        ends.client.decode(&[0, 0, 4, 0], &mut out).unwrap();
        assert!(ends.client.decode(&[0; 1024], &mut out).is_err());
    }
}

#[test]
fn tampered_replayed_and_reordered_packets_are_refused() {
    for ssf in STRENGTHS {
        let setup = Setup { client_security: window(ssf, ssf), ..Setup::default() };
        let packets = |count: usize| {
            let (ends, _) = setup.connect();
            let packets: Vec<_> = (0..count)
                .map(|index| {
                    let mut packet = Vec::new();
                    ends.client.encode(&[&[index as u8; 40]], &mut packet).unwrap();
                    packet
                })
                .collect();
            (ends, packets)
        };
        for at in [4, 20, 50] {
            let (ends, mut packets) = packets(2);
            packets[0][at] ^= 1;
            let mut out = Vec::new();
            assert_eq!(ends.server.decode(&packets[0], &mut out).unwrap_err().code(), Code::Fail);
            assert!(ends.server.decode(&packets[1], &mut out).is_err());
            assert!(out.is_empty());
        }
        let (ends, sent) = packets(2);
        assert!(ends.server.decode(&sent[1], &mut Vec::new()).is_err());
        let (ends, sent) = packets(2);
        let mut out = Vec::new();
        ends.server.decode(&sent[0], &mut out).unwrap();
        assert!(ends.server.decode(&sent[0], &mut out).is_err());
        assert_eq!(out, [0; 40]);
        let (ends, sent) = packets(1);
        assert!(ends.client.decode(&sent[0], &mut Vec::new()).is_err(), "sent back");
    }
}
