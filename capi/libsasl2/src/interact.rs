//! Questions to the user (`SASL_INTERACT`): the array of prompts that C fills in and gives back.

use std::ffi::c_char;
use std::ptr::{null, null_mut};
use std::slice;

use oxisasl::prompt::Prompt;
use oxisasl::{ClientSession, Code, Error, Result, Secret};
use oxisasl_capi_common::hooks;

use crate::abi::Interact;
use crate::conn::{Conn, Slot, callback_id, prompt_kind};

/// Hands the questions to C, in an array that ends with the id 0. The array comes from the application's allocator,
/// since it may free it; the strings belong to the connection.
///
/// # Errors
/// [`Code::NoMem`]: an application that is told to ask looks into the array without a doubt.
///
/// # Safety
/// `place` is NULL or writable.
pub unsafe fn give_prompts(conn: &Conn, prompts: &[Prompt], place: *mut *mut Interact) -> Result<()> {
    if place.is_null() {
        return Ok(());
    }
    let size = size_of::<Interact>();
    // SAFETY: the application's allocator takes any size.
    let array = unsafe { (hooks::allocator().calloc)(prompts.len() + 1, size) }.cast::<Interact>();
    // SAFETY: by this function's contract.
    unsafe { place.write(array) };
    if array.is_null() {
        return Err(Error::from(Code::NoMem));
    }
    let mut next_slot = 0;
    let mut text = |text: Option<&str>| -> *const c_char {
        text.map_or(null(), |text| {
            next_slot += 1;
            conn.slots.keep(Slot::Prompt(next_slot), text.as_bytes().to_vec())
        })
    };
    for (index, prompt) in prompts.iter().enumerate() {
        let entry = Interact {
            id: callback_id(prompt.kind),
            challenge: text(prompt.challenge.as_deref()),
            prompt: text(Some(&prompt.text)),
            defresult: text(prompt.default.as_deref()),
            result: null(),
            len: 0,
        };
        // SAFETY: the array has room for all prompts and the end, which calloc cleared.
        unsafe { array.add(index).write(entry) };
    }
    Ok(())
}

/// Takes the answers out of an array of prompts, and frees it. Says whether there was one.
///
/// # Safety
/// `place` is NULL, or points to NULL or an array that `give_prompts` made, filled in since.
pub unsafe fn take_answers(session: &ClientSession, place: *mut *mut Interact) -> Result<bool> {
    // SAFETY: by this function's contract.
    let Some(array) = (unsafe { place.as_ref() }).copied().filter(|array| !array.is_null()) else {
        return Ok(false);
    };
    let mut entry = array;
    // SAFETY: by this function's contract the array ends with the id 0, and each result has its length.
    unsafe {
        while (*entry).id != 0 {
            let result = (*entry).result.cast::<u8>();
            let answer =
                (!result.is_null()).then(|| Secret::from(slice::from_raw_parts(result, (*entry).len as usize)));
            if let Some(kind) = prompt_kind((*entry).id) {
                session.supply(kind, answer);
            }
            entry = entry.add(1);
        }
        (hooks::allocator().free)(array.cast());
        place.write(null_mut());
    }
    Ok(true)
}
