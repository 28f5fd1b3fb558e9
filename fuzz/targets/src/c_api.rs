//! Calls of the C interface in any order, with a client and a server in one process: whatever the order, there is an answer,
//! what comes out can be read, and nobody but Alice gets in.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::{env, fs, process, slice};

use crate::c;

const ALICE: &CStr = c"alice";
const PASSWORD: &CStr = c"secret of Alice's";
const HOST: &CStr = c"localhost";

const MECHANISMS: [&CStr; 8] = [
    c"SCRAM-SHA-256",
    c"DIGEST-MD5",
    c"CRAM-MD5",
    c"PLAIN",
    c"LOGIN",
    c"ANONYMOUS",
    c"EXTERNAL",
    c"SCRAM-SHA-1 PLAIN CRAM-MD5",
];

/// Callbacks for the two sides, and none for a client that is to ask its questions.
static SERVER: [c::Callback; 4] = [
    callback(1, getopt as *const c_void),
    callback(2, log as *const c_void),
    callback(3, getpath as *const c_void),
    callback(0, null()),
];
static CLIENT: [c::Callback; 4] = [
    callback(2, log as *const c_void),
    callback(0x4001, simple as *const c_void),
    callback(0x4002, simple as *const c_void),
    callback(0, null()),
];

const fn callback(id: u64, function: *const c_void) -> c::Callback {
    c::Callback { id, function, context: null_mut() }
}

/// Where the users are: a folder that stays as long as the process does.
fn folder() -> &'static CString {
    static FOLDER: OnceLock<CString> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let path = env::temp_dir().join(format!("oxisasl-fuzz-api-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a folder can be made");
        // SAFETY: the function may be called at any time.
        unsafe { libc::atexit(remove_folder) };
        CString::new(path.to_str().expect("a path in UTF-8")).expect("no NUL")
    })
}

extern "C" fn remove_folder() {
    let _ = fs::remove_dir_all(folder().to_string_lossy().as_ref());
}

extern "C" fn getopt(
    _: *mut c_void,
    _: *const c_char,
    option: *const c_char,
    result: *mut *const c_char,
    len: *mut c_uint,
) -> c_int {
    static DATABASE: OnceLock<CString> = OnceLock::new();
    // SAFETY: the library asks with a string.
    let value: &'static CStr = match unsafe { CStr::from_ptr(option) }.to_bytes() {
        b"sasldb_path" => {
            DATABASE.get_or_init(|| CString::new([folder().to_bytes(), b"/db"].concat()).expect("no NUL"))
        }
        b"scram_iteration_counter" => c"1",
        b"pwcheck_method" => c"auxprop",
        b"auxprop_plugin" => c"sasldb",
        _ => return -1,
    };
    // SAFETY: the library gives a place for the result, and perhaps one for its length.
    unsafe {
        *result = value.as_ptr();
        if !len.is_null() {
            *len = value.count_bytes() as c_uint;
        }
    }
    c::OK
}

extern "C" fn log(_: *mut c_void, _: c_int, _: *const c_char) -> c_int {
    c::OK
}

extern "C" fn getpath(_: *mut c_void, path: *mut *const c_char) -> c_int {
    // SAFETY: the library gives a place for the path.
    unsafe { *path = folder().as_ptr() };
    c::OK
}

extern "C" fn simple(_: *mut c_void, id: c_int, result: *mut *const c_char, len: *mut c_uint) -> c_int {
    let value = if id == 0x4002 { ALICE } else { c"" };
    // SAFETY: the library gives a place for the result, and perhaps one for its length.
    unsafe {
        *result = value.as_ptr();
        if !len.is_null() {
            *len = value.count_bytes() as c_uint;
        }
    }
    c::OK
}

/// Both sides, and what is on the way between them.
struct World {
    server: *mut c::Conn,
    client: *mut c::Conn,
    prompts: *mut c::Interact,
    to_server: Option<Vec<u8>>,
    to_client: Option<Vec<u8>>,
    mechanism: CString,
}

/// The bytes are calls: one that says which, and one for what it takes.
pub fn run(data: &[u8]) {
    c::without_network();
    init();
    static USERS: OnceLock<()> = OnceLock::new();
    USERS.get_or_init(make_alice);
    let mut world = World {
        server: null_mut(),
        client: null_mut(),
        prompts: null_mut(),
        to_server: None,
        to_client: None,
        mechanism: c"PLAIN".into(),
    };
    for pair in data.as_chunks::<2>().0.iter().take(64) {
        world.call(pair[0], pair[1]);
    }
    world.dispose(true);
    world.dispose(false);
    // SAFETY: nothing of the library's is used any more.
    unsafe { c::sasl_done() };
}

fn init() {
    // SAFETY: the lists stay.
    let codes =
        unsafe { (c::sasl_server_init(SERVER.as_ptr(), c"fuzz".as_ptr()), c::sasl_client_init(CLIENT.as_ptr())) };
    assert_eq!(codes, (c::OK, c::OK));
}

fn make_alice() {
    let mut server = new_server(0);
    // SAFETY: a connection, and strings of these lengths.
    let code = unsafe {
        c::sasl_setpass(server, ALICE.as_ptr(), PASSWORD.as_ptr(), PASSWORD.count_bytes() as c_uint, null(), 0, 1)
    };
    assert_eq!(code, c::OK, "Alice can be made");
    // SAFETY: a connection.
    unsafe { c::sasl_dispose(&raw mut server) };
}

fn new_server(flags: c_uint) -> *mut c::Conn {
    let mut conn = null_mut();
    let (service, fqdn) = (c"test".as_ptr(), HOST.as_ptr());
    // SAFETY: strings, and a place for the connection.
    unsafe { c::sasl_server_new(service, fqdn, null(), null(), null(), null(), flags, &raw mut conn) };
    conn
}

/// An answer of the library, read to its end.
fn read(text: *const c_char, len: c_uint) -> Option<Vec<u8>> {
    // SAFETY: what the library gives out has the length that it says.
    (!text.is_null()).then(|| unsafe { slice::from_raw_parts(text.cast(), len as usize) }.to_vec())
}

/// What `read` gave, as arguments.
fn arguments(message: Option<&[u8]>) -> (*const c_char, c_uint) {
    message.map_or((null(), 0), |message| (message.as_ptr().cast(), message.len() as c_uint))
}

impl World {
    fn call(&mut self, call: u8, with: u8) {
        match call % 24 {
            0 => {
                self.dispose(true);
                self.server = new_server(c_uint::from(with & 7));
            }
            1 => {
                self.dispose(false);
                let (service, fqdn) = (c"test".as_ptr(), HOST.as_ptr());
                // SAFETY: strings, and a place for the connection.
                unsafe {
                    c::sasl_client_new(
                        service,
                        fqdn,
                        null(),
                        null(),
                        null(),
                        c_uint::from(with & 7),
                        &raw mut self.client,
                    )
                };
            }
            2 | 3 => self.client_start(with),
            4 | 5 => self.client_step(),
            6 | 7 => self.server_turn(true),
            8 | 9 => self.server_turn(false),
            10 => self.answer(with),
            11 => self.protect(with),
            12 => self.change(with),
            13 => self.dispose(with & 1 != 0),
            14 => self.get(with),
            15 => self.set(with),
            16 => self.list(),
            17 => self.check(with),
            18 => self.apop(with),
            19 => self.errors(with),
            20 => self.properties(with),
            21 => {
                // SAFETY: connections may outlive it.
                unsafe { c::sasl_done() };
                if with & 1 == 0 {
                    init();
                }
            }
            22 => init(),
            _ => {
                // SAFETY: NULL or a connection.
                unsafe { c::sasl_idle(self.side(with)) };
            }
        }
    }

    fn side(&self, with: u8) -> *mut c::Conn {
        if with & 1 == 0 { self.server } else { self.client }
    }

    fn dispose(&mut self, server: bool) {
        let conn = if server { &mut self.server } else { &mut self.client };
        // SAFETY: NULL or a connection.
        unsafe { c::sasl_dispose(conn) };
        assert!(conn.is_null());
        if !server {
            self.prompts = null_mut();
        }
    }

    fn client_start(&mut self, with: u8) {
        let offered = MECHANISMS[usize::from(with) % MECHANISMS.len()];
        let (mut out, mut len, mut mechanism) = (null(), 0, null());
        // SAFETY: NULL or a connection, a string, and places for the answers.
        let code = unsafe {
            c::sasl_client_start(
                self.client,
                offered.as_ptr(),
                &raw mut self.prompts,
                &raw mut out,
                &raw mut len,
                &raw mut mechanism,
            )
        };
        self.after_client(code, out, len);
        if (0..=1).contains(&code) {
            // SAFETY: with a success it is a string.
            self.mechanism = unsafe { CStr::from_ptr(mechanism) }.into();
        }
    }

    fn client_step(&mut self) {
        let message = self.to_client.take();
        let (input, input_len) = arguments(message.as_deref());
        let (mut out, mut len) = (null(), 0);
        // SAFETY: NULL or a connection, a message of this length, and places for the answers.
        let code = unsafe {
            c::sasl_client_step(self.client, input, input_len, &raw mut self.prompts, &raw mut out, &raw mut len)
        };
        if code == c::INTERACT {
            self.to_client = message;
        }
        self.after_client(code, out, len);
    }

    fn after_client(&mut self, code: c_int, out: *const c_char, len: c_uint) {
        plausible(code);
        if (0..=1).contains(&code) {
            self.to_server = read(out, len);
        }
        if code != c::INTERACT {
            self.prompts = null_mut();
        }
    }

    fn server_turn(&mut self, start: bool) {
        let message = self.to_server.take();
        let (input, input_len) = arguments(message.as_deref());
        let (mut out, mut len) = (null(), 0);
        // SAFETY: NULL or a connection, a string, a message of this length, and places for the answers.
        let code = unsafe {
            match start {
                true => c::sasl_server_start(
                    self.server,
                    self.mechanism.as_ptr(),
                    input,
                    input_len,
                    &raw mut out,
                    &raw mut len,
                ),
                false => c::sasl_server_step(self.server, input, input_len, &raw mut out, &raw mut len),
            }
        };
        plausible(code);
        if (0..=1).contains(&code) {
            self.to_client = read(out, len);
        }
        if code == c::OK {
            let mut user = null();
            // SAFETY: a connection, and a place for the answer.
            assert_eq!(unsafe { c::sasl_getprop(self.server, 0, &raw mut user) }, c::OK);
            // SAFETY: this property is a string.
            let user = unsafe { CStr::from_ptr(user.cast()) };
            // A connection may have been given a realm, which then stands behind the name.
            let name = user.to_bytes().split(|byte| *byte == b'@').next();
            assert!([&b"alice"[..], b"anonymous"].map(Some).contains(&name), "{user:?} gets in");
        }
    }

    /// Answers the questions of the client, rightly or not.
    fn answer(&mut self, with: u8) {
        if self.prompts.is_null() {
            return;
        }
        // SAFETY: a list of questions ends with one of number 0.
        let mut prompts =
            (0..).map(|index| unsafe { &mut *self.prompts.add(index) }).take_while(|prompt| prompt.id != 0);
        // SAFETY: the texts of a question are strings or NULL.
        let text = |text: *const c_char| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.count_bytes());
        for prompt in prompts.by_ref() {
            let _ = (text(prompt.challenge), text(prompt.prompt), text(prompt.default));
            let value = match prompt.id {
                0x4002 => ALICE,
                0x4004 if with & 3 != 3 => PASSWORD,
                0x4004 => c"wrong",
                _ => c"",
            };
            (prompt.result, prompt.len) = (value.as_ptr().cast(), value.count_bytes() as c_uint);
        }
    }

    /// One side protects some bytes, which the other takes, perhaps not quite as they were.
    fn protect(&mut self, with: u8) {
        let (from, to) = (self.side(with), self.side(with ^ 1));
        let text = vec![with; usize::from(with)];
        let (mut out, mut len) = (null(), 0);
        // SAFETY: NULL or a connection, bytes of this length, and places for the answer.
        let code =
            unsafe { c::sasl_encode(from, text.as_ptr().cast(), text.len() as c_uint, &raw mut out, &raw mut len) };
        let Some(mut sealed) = read(out, len).filter(|_| code == c::OK) else { return };
        if let (0x80.., Some(last)) = (with, sealed.last_mut()) {
            *last ^= 1;
        }
        let (mut out, mut len) = (null(), 0);
        // SAFETY: as above.
        let code =
            unsafe { c::sasl_decode(to, sealed.as_ptr().cast(), sealed.len() as c_uint, &raw mut out, &raw mut len) };
        plausible(code);
        if code == c::OK {
            read(out, len);
        }
    }

    /// Changes what is on its way.
    fn change(&mut self, with: u8) {
        let message = if with & 1 == 0 { &mut self.to_server } else { &mut self.to_client };
        match (with & 6, message) {
            (0, message) => *message = None,
            (2, message) => *message = Some(vec![with; usize::from(with)]),
            (_, None) => {}
            (4, Some(message)) => message.truncate(usize::from(with / 8)),
            (_, Some(message)) => message.iter_mut().skip(usize::from(with / 8)).take(1).for_each(|byte| *byte ^= 1),
        }
    }

    fn get(&self, with: u8) {
        let number = if with < 0x80 { c_int::from(with % 26) } else { 99 + c_int::from(with % 5) };
        let mut value = null();
        // SAFETY: NULL or a connection, and a place for the answer.
        let code = unsafe { c::sasl_getprop(self.side(with), number, &raw mut value) };
        plausible(code);
        let is_text = matches!(number, 0 | 3 | 8..=10 | 12..=17 | 102);
        if code == c::OK && is_text && !value.is_null() {
            // SAFETY: these properties are strings.
            let _ = unsafe { CStr::from_ptr(value.cast()) }.count_bytes();
        }
    }

    fn set(&self, with: u8) {
        let number: c_uint = c_uint::from(with & 0x7e);
        let security = c::SecurityProps {
            min_ssf: c_uint::from(with & 2 != 0),
            max_ssf: number,
            max_buf: if with & 4 == 0 { 0 } else { 4096 },
            flags: number / 8,
            names: null(),
            values: null(),
        };
        let conn = self.side(with);
        let text = MECHANISMS[usize::from(with) % MECHANISMS.len()].as_ptr().cast();
        // SAFETY: NULL or a connection, and for each property a value of its type.
        let codes = unsafe {
            match with % 5 {
                0 | 1 => c::sasl_setprop(conn, 101, (&raw const security).cast()),
                2 => c::sasl_setprop(conn, 102, ALICE.as_ptr().cast()),
                3 => c::sasl_setprop(conn, 100, (&raw const number).cast()),
                _ => c::sasl_setprop(conn, [3, 8, 9, 17][usize::from(with / 64)], text),
            }
        };
        plausible(codes);
    }

    fn list(&self) {
        let (mut list, mut len, mut count) = (null(), 0, 0);
        for conn in [self.server, self.client] {
            // SAFETY: NULL or a connection, strings, and places for the answers.
            let code = unsafe {
                let (prefix, separator, suffix) = (c"(".as_ptr(), c" ".as_ptr(), c")".as_ptr());
                c::sasl_listmech(conn, null(), prefix, separator, suffix, &raw mut list, &raw mut len, &raw mut count)
            };
            plausible(code);
            if code == c::OK {
                let list = read(list, len).unwrap_or_default();
                assert_eq!(list.split(|byte| *byte == b' ').count(), count.max(1) as usize);
            }
        }
    }

    fn check(&self, with: u8) {
        let pass = if with & 1 == 0 { PASSWORD } else { c"wrong" };
        let length = pass.count_bytes() as c_uint;
        // SAFETY: NULL or a connection, and strings of these lengths.
        let (code, exists) = unsafe {
            let code =
                c::sasl_checkpass(self.server, ALICE.as_ptr(), ALICE.count_bytes() as c_uint, pass.as_ptr(), length);
            (code, c::sasl_user_exists(self.server, c"test".as_ptr(), null(), ALICE.as_ptr()))
        };
        plausible(code);
        plausible(exists);
        assert!(code != c::OK || pass == PASSWORD, "a wrong password is right");
    }

    fn apop(&self, with: u8) {
        let mut challenge = vec![0_u8; usize::from(with) + 1];
        let text = challenge.as_mut_ptr().cast();
        // SAFETY: NULL or a connection, a buffer with room for so much and a NUL, and a string.
        let code = unsafe {
            let len = c::sasl_mkchal(self.server, text, c_uint::from(with), c_uint::from(with & 1));
            assert!(len <= c_int::from(with).max(0));
            let response = c"alice 0123456789abcdef0123456789abcdef";
            c::sasl_checkapop(
                self.server,
                text,
                len.max(0) as c_uint,
                response.as_ptr(),
                response.count_bytes() as c_uint,
            )
        };
        plausible(code);
        assert_ne!(code, c::OK, "a made-up response is right");
    }

    fn errors(&self, with: u8) {
        let conn = self.side(with);
        let mut language = null();
        // SAFETY: NULL or a connection; the formats go with what follows them; the answers are strings.
        unsafe {
            match with & 6 {
                0 => {
                    c::sasl_seterror(conn, 0, c"%s and %d, %% %c %u".as_ptr(), ALICE.as_ptr(), 7, c_int::from(b'c'), 9)
                }
                2 => c::sasl_seterror(conn, c_uint::from(with), c"%z%m".as_ptr(), c_int::from(with), c_int::from(with)),
                _ => {}
            }
            let detail = c::sasl_errdetail(conn);
            assert!(detail.is_null() || CStr::from_ptr(detail).count_bytes() < 65_536);
            let text = c::sasl_errstring(c_int::from(with) - 128, null(), &raw mut language);
            assert!(CStr::from_ptr(text).count_bytes() > 0);
        }
    }

    fn properties(&self, with: u8) {
        let names = [c"mail".as_ptr(), c"*userPassword".as_ptr(), null()];
        let conn = self.side(with);
        // SAFETY: NULL or a connection, and a list that ends with NULL.
        let code = unsafe { c::sasl_auxprop_request(conn, names.as_ptr()) };
        plausible(code);
        // SAFETY: NULL or a connection.
        let context = unsafe { c::sasl_auxprop_getctx(conn) };
        if context.is_null() {
            return;
        }
        // SAFETY: the rows end with one without a name, and each name is a string.
        let names = (0..).map(|row| unsafe { *c::prop_get(context).add(row) }.name).take_while(|name| !name.is_null());
        // SAFETY: as above.
        let read: usize = names.map(|name| unsafe { CStr::from_ptr(name) }.count_bytes()).sum();
        assert!(read < 65_536);
    }
}

/// What a function may return.
fn plausible(code: c_int) {
    assert!((-39..=2).contains(&code), "{code} is no code");
}
