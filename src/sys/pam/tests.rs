use super::*;

fn messages(styles: &[c_int]) -> Vec<Message> {
    styles.iter().map(|style| Message { style: *style, text: c"Question: ".as_ptr() }).collect()
}

/// What a module gets that asks in these styles: the texts, or the failure.
fn ask(styles: &[c_int], answer: &dyn Fn(Prompt) -> &'static [u8]) -> Result<Vec<String>, c_int> {
    let messages = messages(styles);
    let pointers: Vec<*const Message> = messages.iter().map(ptr::from_ref).collect();
    let context = Context { answer, delay: Cell::default() };
    let mut responses = ptr::dangling_mut();
    let count = c_int::try_from(styles.len()).unwrap();
    let data = (&raw const context).cast_mut().cast();
    let status = converse(count, pointers.as_ptr(), &raw mut responses, data);
    if status != code::SUCCESS {
        assert!(responses.is_null(), "a failure has no replies");
        return Err(status);
    }
    let texts = (0..styles.len()).map(|index| {
        // SAFETY: there are as many replies as questions, each with a C string; like PAM this frees them.
        unsafe {
            let response = &*responses.add(index);
            assert_eq!(response.code, 0);
            let text = CStr::from_ptr(response.text).to_str().unwrap().to_owned();
            libc::free(response.text.cast());
            text
        }
    });
    let texts = texts.collect();
    // SAFETY: the array is from the C library, and nobody uses it any more.
    unsafe { libc::free(responses.cast()) };
    Ok(texts)
}

fn answer(prompt: Prompt) -> &'static [u8] {
    match prompt {
        Prompt::Echoed => b"user",
        Prompt::Hidden => b"password",
        Prompt::Message => b"",
    }
}

#[test]
fn each_style_has_its_answer() {
    assert_eq!(ask(&[1], &answer).unwrap(), ["password"]);
    assert_eq!(ask(&[2], &answer).unwrap(), ["user"]);
    assert_eq!(ask(&[4, 2, 3, 1, 1], &answer).unwrap(), ["", "user", "", "password", "password"]);
    assert_eq!(ask(&[1; MESSAGES_MAX], &answer).unwrap().len(), MESSAGES_MAX);
}

#[test]
fn what_cannot_be_answered_is_a_failure() {
    assert_eq!(ask(&[], &answer), Err(code::CONV_ERR));
    assert_eq!(ask(&[1; MESSAGES_MAX + 1], &answer), Err(code::CONV_ERR));
    // Styles that are no question for a name or a password, after one that is.
    for style in [0, 5, 7, -1] {
        assert_eq!(ask(&[1, style], &answer), Err(code::CONV_ERR), "{style}");
    }
    assert_eq!(ask(&[1, 1], &|_| b"a\0b"), Err(code::CONV_ERR));
}

#[test]
fn a_panic_is_a_failure() {
    let calls = Cell::new(0);
    let panics = |_: Prompt| -> &'static [u8] {
        calls.set(calls.get() + 1);
        assert!(calls.get() < 2, "on purpose");
        b"password"
    };
    assert_eq!(ask(&[1, 1], &panics), Err(code::CONV_ERR));
}

#[test]
fn missing_pointers_are_a_failure() {
    let mut responses = ptr::null_mut();
    let message = Message { style: 1, text: ptr::null() };
    let pointer: *const Message = &raw const message;
    let null = ptr::null_mut();
    assert_eq!(converse(1, &raw const pointer, &raw mut responses, null), code::CONV_ERR);
    assert_eq!(converse(1, ptr::null(), &raw mut responses, (&raw mut responses).cast()), code::CONV_ERR);
    assert_eq!(converse(1, &raw const pointer, ptr::null_mut(), (&raw mut responses).cast()), code::CONV_ERR);
    assert_eq!(converse(-1, &raw const pointer, &raw mut responses, (&raw mut responses).cast()), code::CONV_ERR);
}

/// The whole of it with Linux-PAM. Every service that has no file of its own is refused on a bare system, as there is no such
/// user; where PAM is not installed at all, that is what is said.
#[test]
fn nobody_gets_in() {
    let request = Request {
        service: c"oxisasl-test",
        user: c"oxisasl-nobody",
        remote_host: Some(c"192.0.2.1"),
        account: true,
        answer: &answer,
    };
    match authenticate(&request).unwrap_err() {
        Failure::Missing(text) => assert!(text.contains("libpam.so.0"), "{text}"),
        Failure::Failed { code, text, .. } => assert!(code != code::SUCCESS && !text.is_empty(), "{code} {text}"),
        Failure::Nested => panic!("this is the first"),
    }
}

#[test]
fn a_second_authentication_within_one_is_refused() {
    let turn = Turn::take().unwrap();
    assert_eq!(Turn::take().err(), Some(Failure::Nested));
    drop(turn);
    Turn::take().unwrap();
}
