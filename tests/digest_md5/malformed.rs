//! What malformed and odd messages get: the code and the text.

#![allow(clippy::type_complexity)]

use oxisasl::Code::{self, BadAuth, BadProt, BadServ, Fail, NoUser};
use oxisasl::Progress;

use crate::ends::{Setup, value, window};

const MISMATCH: &str = "client response doesn't match what we generated (tried bogus)";

/// A response of our client, changed: what the server says to it.
fn answer(setup: &Setup, change: impl FnOnce(&str) -> Vec<u8>) -> Result<(), (Code, String)> {
    let ends = setup.ends();
    let response = change(&ends.response());
    match ends.server.step(&response) {
        Ok(progress) => {
            assert!(progress.data().is_some_and(|data| data.starts_with(b"rspauth=")));
            Ok(())
        }
        Err(error) => {
            // A failed exchange is over.
            assert!(ends.server.step(&response).is_err());
            Err((error.code(), error.detail().to_owned()))
        }
    }
}

fn no_layer() -> Setup {
    Setup { client_security: window(0, 0), ..Setup::default() }
}

#[test]
fn responses() {
    let missing = |name: &str| Err((BadAuth, format!("required parameters missing: {name}")));
    let duplicate = |name: &str| Err((Fail, format!("duplicate {name}: authentication aborted")));
    let error = |code, text: &str| Err((code, text.to_owned()));
    let host = Setup::default().host;
    let setup = Setup { host: host.clone(), server_security: window(0, 0), ..no_layer() };
    let uri = format!("digest-uri=\"svc/{host}\"");
    let realm = format!("realm=\"{host}\"");
    let cases: Vec<(&str, &str, Result<(), (Code, String)>)> = vec![
        ("username=", "xsername=", missing("username")),
        ("username=\"alice\"", "username=\"nobody\"", error(NoUser, "unable to canonify user and get auxprops")),
        ("username=\"alice\"", "username=\"alice\",username=\"bob\"", duplicate("username")),
        ("username=\"alice\"", "USERNAME=\"alice\"", Ok(())),
        ("username=\"alice\"", "username=alice", Ok(())),
        ("username=\"alice\"", "username=\"al\\ice\"", Ok(())),
        ("username=\"alice\"", "username=\"alice", error(BadAuth, "Parse error")),
        ("username=\"alice\"", "username=\"alice\",username=\"alice\"", duplicate("username")),
        (&realm, "realm=\"other\"", error(NoUser, "unable to canonify user and get auxprops")),
        (&realm, "foo=bar", error(BadAuth, MISMATCH)),
        (&realm, "realm=\"a\",realm=\"b\"", duplicate("realm")),
        (",nonce=\"", ",xonce=\"", missing("nonce")),
        (",nonce=\"", ",nonce=\"x", error(BadAuth, "nonce changed: authentication aborted")),
        (",nonce=\"", ",nonce=\"\",nonce=\"", duplicate("nonce")),
        (",cnonce=\"", ",xnonce=\"", missing("cnonce")),
        (",cnonce=\"", ",cnonce=\"x", error(BadAuth, MISMATCH)),
        (",cnonce=\"", ",cnonce=\"x\",cnonce=\"", duplicate("cnonce")),
        (
            "nc=00000001",
            "nc=00000002",
            error(BadAuth, "incorrect nonce-count: the first response to a challenge has 1"),
        ),
        ("nc=00000001", "nc=00000000", missing("nc")),
        ("nc=00000001", "nc=1", Ok(())),
        ("nc=00000001", "nc=1,nc=1", duplicate("nc")),
        ("nc=00000001", "nc=one", error(BadAuth, "error converting hex to int")),
        ("nc=00000001", "nc=+1", error(BadAuth, "error converting hex to int")),
        ("nc=00000001", "nc=100000001", error(BadAuth, "error converting hex to int")),
        ("nc=00000001,", "", missing("nc")),
        ("qop=auth,", "", Ok(())),
        ("qop=auth", "qop=auth-int", error(Fail, "protocol violation: client requested invalid qop")),
        ("qop=auth", "qop=auth-conf", error(Fail, "client requested invalid cipher")),
        ("qop=auth", "qop=auth-conf,cipher=rc4", error(Fail, "client requested invalid cipher")),
        ("qop=auth", "qop=what", error(Fail, "protocol violation: client requested invalid qop")),
        ("qop=auth", "qop=\"\"", error(Fail, "protocol violation: client requested invalid qop")),
        ("qop=auth", "qop=AUTH", error(BadAuth, MISMATCH)),
        ("qop=auth", "qop=\"auth\"", Ok(())),
        ("qop=auth", "qop=auth,qop=auth", duplicate("qop")),
        ("qop=auth", "qop=auth,cipher=rc4", Ok(())),
        ("maxbuf=65536", "maxbuf=16", error(BadAuth, "maxbuf parameter too small")),
        ("maxbuf=65536", "maxbuf=17", Ok(())),
        ("maxbuf=65536", "maxbuf=16777215", Ok(())),
        ("maxbuf=65536", "maxbuf=16777216", error(BadAuth, "maxbuf parameter too big")),
        ("maxbuf=65536", "maxbuf=99999999999999999999", error(BadAuth, "maxbuf parameter too big")),
        ("maxbuf=65536", "maxbuf=-1", error(BadAuth, "invalid maxbuf parameter")),
        ("maxbuf=65536", "maxbuf=", error(BadAuth, "invalid maxbuf parameter")),
        ("maxbuf=65536", "maxbuf=17,maxbuf=17", error(BadAuth, "duplicate maxbuf: authentication aborted")),
        ("qop=", "charset=utf-8,qop=", Ok(())),
        ("qop=", "charset=\"UTF-8\",qop=", Ok(())),
        ("qop=", "charset=utf-8,charset=utf-8,qop=", duplicate("charset")),
        ("qop=", "charset=iso-8859-1,qop=", error(Fail, "client doesn't support UTF-8")),
        ("qop=", "algorithm=other,qop=", Ok(())),
        ("qop=", "foo=bar,foo=\"b,a\\\"r\",foo=,qop=", Ok(())),
        ("qop=", "foo,qop=", error(BadAuth, "Parse error")),
        ("qop=", " , qop\t=\r\n", Ok(())),
        ("qop=", ",,qop=", Ok(())),
        ("qop=", "authzid=\"bob\",qop=", error(BadAuth, MISMATCH)),
        ("qop=", "authzid=\"\",qop=", error(BadAuth, MISMATCH)),
        ("digest-uri=\"svc/", "digest-uri=\"imap/", error(BadAuth, "bad digest-uri: doesn't match service")),
        ("digest-uri=\"svc/", "digest-uri=\"SVC/", error(BadAuth, MISMATCH)),
        ("digest-uri=\"svc/", "digest-uri=\"svc/x", error(BadAuth, MISMATCH)),
        (&uri, "digest-uri=\"svc\"", error(BadAuth, "bad digest-uri: doesn't match service")),
        (&uri, "digest-uri=\"\"", error(BadAuth, "bad digest-uri: doesn't match service")),
        ("digest-uri=", "xigest-uri=", missing("digest-uri")),
        ("digest-uri=", "digest-uri=a,digest-uri=", duplicate("digest-uri")),
        ("response=", "xesponse=", missing("response")),
        ("response=", "response=x,response=", duplicate("response")),
        ("response=", "response=x", error(BadAuth, MISMATCH)),
        ("response=", "response=,x=", error(BadAuth, MISMATCH)),
    ];
    for (what, with, expected) in cases {
        let setup = Setup { host: host.clone(), ..setup.clone() };
        // The client must not have met the server, or it speaks first.
        let result = answer(&setup, |response| {
            assert!(response.contains(what), "{what} is not in {response}");
            response.replacen(what, with, 1).into_bytes()
        });
        assert_eq!(result, expected, "{what} {with}");
    }
}

#[test]
fn whole_responses() {
    let setup = Setup { server_security: window(0, 0), ..no_layer() };
    let parse: Result<(), _> = Err((BadAuth, "Parse error".to_owned()));
    let fixed = |text: &'static [u8]| answer(&setup, |_| text.to_vec());
    let all = "username, nonce, nc, cnonce, digest-uri, response";
    assert_eq!(fixed(b""), Err((BadAuth, "input expected in DIGEST-MD5, step 2".into())));
    assert_eq!(fixed(b"garbage"), parse);
    assert_eq!(fixed(b"="), Err((BadAuth, format!("required parameters missing: {all}"))));
    assert_eq!(fixed(b","), Err((BadAuth, format!("required parameters missing: {all}"))));
    assert_eq!(answer(&setup, |response| [response.as_bytes(), b","].concat()), Ok(()));
    assert_eq!(answer(&setup, |response| [response.as_bytes(), b"\0"].concat()), Ok(()));
    assert_eq!(answer(&setup, |response| response.replacen("alice", "ali\0ce", 1).into_bytes()), parse);
    let digest_changed = |change: fn(&str) -> String| {
        answer(&setup, |response| {
            let digest = value(response, "response").unwrap();
            response.replace(digest, &change(digest)).into_bytes()
        })
    };
    let mismatch: Result<(), _> = Err((BadAuth, MISMATCH.to_owned()));
    assert_eq!(digest_changed(str::to_uppercase), mismatch);
    assert_eq!(digest_changed(|digest| digest[..31].to_owned()), mismatch);
    assert_eq!(digest_changed(|digest| format!("{digest}0")), mismatch);
    assert_eq!(digest_changed(|digest| format!("\"{digest}\"")), Ok(()));
    let filled = |length: usize| {
        answer(&setup, move |response| {
            let filler = length - response.len() - ",x=\"\"".len();
            format!("{response},x=\"{}\"", "y".repeat(filler)).into_bytes()
        })
    };
    assert_eq!(filled(4096), Ok(()));
    assert_eq!(filled(4097), Err((BadProt, String::new())));
}

/// Nothing that can be done to a response lets anybody in, and nothing panics: every byte changed, and every cut.
#[test]
fn no_changed_byte_authenticates_another() {
    let setup = Setup { server_security: window(0, 0), ..no_layer() };
    let ends = setup.ends();
    let length = ends.response().len();
    for at in 0..length {
        let ends = setup.ends();
        let mut response = ends.response().into_bytes();
        response[at] ^= 0x01;
        if ends.server.step(&response).is_ok() {
            assert_eq!(ends.server.user().as_deref(), Some(&b"alice"[..]));
        }
        let ends = setup.ends();
        let response = ends.response();
        assert!(ends.server.step(&response.as_bytes()[..at]).is_err(), "cut at {at}");
    }
}

const MD5_SESS: &str = "algorithm=md5-sess";

#[test]
fn challenges() {
    let too = |what: &str| format!("Invalid maxbuf parameter received from server ({what})");
    let twice = |name: &str| format!("duplicate {name}: authentication aborted");
    let cases: Vec<(String, Result<&str, (Code, String)>)> = vec![
        (format!("nonce=\"N\",{MD5_SESS}"), Ok("auth")),
        (format!("nonce=N,realm=R,{MD5_SESS}"), Ok("auth")),
        (format!("nonce=\"\",{MD5_SESS}"), Ok("auth")),
        ("NONCE=\"N\",QOP=\"AUTH-INT\",ALGORITHM=MD5-SESS".to_owned(), Ok("auth-int")),
        (format!("nonce=\"N\",qop=\"auth, auth-int\",{MD5_SESS}"), Ok("auth-int")),
        (format!("nonce=\"N\",qop=\"auth,token\",{MD5_SESS}"), Ok("auth")),
        (format!("nonce=\"N\",qop=\"auth-conf\",cipher=\"rc4\",{MD5_SESS}"), Ok("auth-conf")),
        (format!("nonce=\"N\",qop=\"auth,auth-conf\",cipher=\"aes\",{MD5_SESS}"), Ok("auth")),
        (format!("nonce=\"N\",cipher=\"rc4\",{MD5_SESS}"), Ok("auth")),
        (format!("nonce=\"N\",stale=true,foo=bar,{MD5_SESS}"), Ok("auth")),
        (format!("nonce=\"N\",qop=\"auth-int\",maxbuf=17,{MD5_SESS}"), Ok("auth-int")),
        (format!("nonce=\"N\",charset=utf-8,{MD5_SESS}"), Ok("auth")),
        (format!("qop=\"auth\",{MD5_SESS}"), Err((Fail, "Don't have nonce.".into()))),
        (format!("nonce=\"N\",nonce=\"M\",{MD5_SESS}"), Err((Fail, twice("nonce")))),
        ("nonce=\"N\"".into(), Err((Fail, "Must see 'algorithm' once. Didn't see at all".into()))),
        ("rspauth=00".into(), Err((Fail, "Must see 'algorithm' once. Didn't see at all".into()))),
        ("nonce=\"N\",algorithm=md5".into(), Err((Fail, "'algorithm' isn't 'md5-sess'".into()))),
        (format!("nonce=\"N\",{MD5_SESS},{MD5_SESS}"), Err((Fail, "Must see 'algorithm' only once".into()))),
        (
            format!("nonce=\"N\",qop=\"auth-conf\",{MD5_SESS}"),
            Err((Fail, "Server doesn't support \"no layer\"".into())),
        ),
        (
            format!("nonce=\"N\",qop=\"unknown\",{MD5_SESS}"),
            Err((BadAuth, "Server doesn't support any known qop level".into())),
        ),
        (format!("nonce=\"N\",qop=\"auth\",qop=\"auth\",{MD5_SESS}"), Err((Fail, twice("qop")))),
        (format!("nonce=\"N\",cipher=\"des\",cipher=\"rc4\",{MD5_SESS}"), Err((Fail, twice("cipher")))),
        (format!("nonce=\"N\",charset=utf-8,charset=utf-8,{MD5_SESS}"), Err((Fail, twice("charset")))),
        (format!("nonce=\"N\",charset=latin1,{MD5_SESS}"), Err((BadAuth, "Charset must be UTF-8".into()))),
        (format!("nonce=\"N\",maxbuf=16,{MD5_SESS}"), Err((BadAuth, too("too small: 16")))),
        (format!("nonce=\"N\",maxbuf=16777216,{MD5_SESS}"), Err((BadAuth, too("too big: 16777216")))),
        (format!("nonce=\"N\",maxbuf=16,qop=auth-int,{MD5_SESS}"), Err((BadAuth, too("too small: 16")))),
        (
            format!("nonce=\"N\",maxbuf=many,{MD5_SESS}"),
            Err((BadAuth, "Invalid maxbuf parameter received from server".into())),
        ),
        (
            format!("nonce=\"N\",maxbuf=4096,maxbuf=4096,{MD5_SESS}"),
            Err((BadAuth, "At least two maxbuf directives found. Authentication aborted".into())),
        ),
        (format!("nonce=\"N\",realm=\"R,{MD5_SESS}"), Err((BadAuth, "Parse error".into()))),
        ("garbage".into(), Err((BadAuth, "Parse error".into()))),
        (String::new(), Err((Fail, "no server challenge".into()))),
        (format!("nonce=\"N\",x={},{MD5_SESS}", "y".repeat(2020)), Err((BadProt, String::new()))),
    ];
    for (challenge, expected) in cases {
        let ends = Setup::default().ends();
        ends.client.start("DIGEST-MD5").unwrap();
        let result = ends.client.step(Some(challenge.as_bytes()));
        match expected {
            Ok(qop) => {
                let response = result.unwrap_or_else(|error| panic!("{challenge}: {error}"));
                let response = String::from_utf8(response.data().unwrap().to_vec()).unwrap();
                assert_eq!(value(&response, "qop"), Some(qop), "{challenge}");
            }
            Err((code, text)) => {
                let error = result.expect_err(&challenge);
                assert_eq!((error.code(), error.detail()), (code, &*text), "{challenge}");
            }
        }
    }
}

#[test]
fn last_messages_of_the_server() {
    let believe = "DIGEST-MD5: This server wants us to believe that he knows shared secret";
    for (message, code, text) in [
        ("rspauth=00000000000000000000000000000000", BadServ, believe),
        ("rspauth=", BadServ, believe),
        ("", Fail, ""),
        ("x=y", Fail, ""),
        ("garbage", BadAuth, "DIGEST-MD5 Received Garbage"),
    ] {
        let ends = Setup::default().ends();
        ends.response();
        let error = ends.client.step(Some(message.as_bytes())).unwrap_err();
        assert_eq!((error.code(), error.detail()), (code, text), "{message}");
        assert_eq!(ends.client.ssf(), 0);
        assert!(ends.client.step(Some(message.as_bytes())).is_err());
    }
    // The client's own proof sent back is not the server's.
    let ends = Setup::default().ends();
    let response = ends.response();
    let reflected = format!("rspauth={}", value(&response, "response").unwrap());
    assert_eq!(ends.client.step(Some(reflected.as_bytes())).unwrap_err().code(), BadServ);
    // The right one, with more around it.
    let ends = Setup::default().ends();
    let response = ends.response();
    let right = ends.server.step(response.as_bytes()).unwrap();
    let message = [b"x=y, ", right.data().unwrap(), b" ,"].concat();
    assert_eq!(ends.client.step(Some(&message)).unwrap(), Progress::Done(None));
}
