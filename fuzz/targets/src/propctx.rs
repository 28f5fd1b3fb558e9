//! Property contexts through the C interface, compared after each call with a few lists that say what they should hold.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::{null, null_mut};
use std::slice;

use crate::c;

const NAMES: [&CStr; 6] = [c"userPassword", c"*userPassword", c"mail", c"*", c"", c"uidNumber"];

/// What a context should hold.
#[derive(Default)]
struct Model {
    rows: Vec<(usize, Option<Vec<Vec<u8>>>)>,
    last: Option<usize>,
}

impl Model {
    fn request(&mut self, names: &[usize]) {
        for &name in names {
            if !self.rows.iter().any(|row| row.0 == name) {
                self.rows.push((name, None));
            }
        }
        if !names.is_empty() {
            self.clear(false);
        }
    }

    fn clear(&mut self, names_too: bool) {
        self.last = None;
        if names_too {
            self.rows.clear();
        }
        self.rows.iter_mut().for_each(|row| row.1 = None);
    }

    fn set(&mut self, name: Option<usize>, value: Option<&[u8]>) -> c_int {
        let Some(index) = name.or(self.last) else { return c::BADPARAM };
        let Some(row) = self.rows.iter_mut().find(|row| row.0 == index) else {
            self.last = None;
            return c::BADPARAM;
        };
        match value {
            Some(value) => row.1.get_or_insert_default().push(value.to_vec()),
            // One that has values keeps them, and the property of the call before stays the one to go on with.
            None if name.is_none() || row.1.is_some() => return c::OK,
            None => row.1 = Some(Vec::new()),
        }
        self.last = Some(index);
        c::OK
    }
}

struct Context(*mut c::PropCtx);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it is a context that nothing else uses.
        unsafe { c::prop_dispose(&raw mut self.0) };
        assert!(self.0.is_null());
    }
}

/// The bytes are calls: one that says which, and what that takes.
pub fn run(data: &[u8]) {
    // SAFETY: it makes a context, whatever the estimate.
    let mut context = Context(unsafe { c::prop_new(data.len() as u32) });
    let mut model = Model::default();
    let mut rest = data;
    while let [call, which, later @ ..] = rest {
        rest = later;
        let name = usize::from(*which) % (NAMES.len() + 1);
        let (name, pointer) =
            (Some(name).filter(|name| *name < NAMES.len()), NAMES.get(name).map_or(null(), |name| name.as_ptr()));
        match call % 8 {
            0 => {
                let names: Vec<usize> = (0..NAMES.len()).filter(|name| which & (1 << name) != 0).collect();
                // SAFETY: the list ends with NULL.
                assert_eq!(unsafe { c::prop_request(context.0, list(&names).as_ptr()) }, c::OK);
                model.request(&names);
            }
            1 => {
                let length = usize::from(which / 16).min(rest.len());
                let (value, later) = rest.split_at(length);
                rest = later;
                // Without a length the value ends with a NUL.
                let expected =
                    model.set(name, Some(value.split(|byte| *byte == 0 && length == 0).next().unwrap_or_default()));
                let text = [value, &[0]].concat();
                // SAFETY: the value has so many bytes, and a NUL behind them.
                let code = unsafe { c::prop_set(context.0, pointer, text.as_ptr().cast(), length as c_int) };
                assert_eq!(code, expected);
            }
            2 => {
                let expected = model.set(name, None);
                // SAFETY: no value.
                assert_eq!(unsafe { c::prop_set(context.0, pointer, null(), 0) }, expected);
            }
            3 => set_several(&context, &mut model, name, pointer, which / 16),
            4 => {
                // SAFETY: NULL or a string.
                unsafe { c::prop_erase(context.0, pointer) };
                model.rows.iter_mut().filter(|row| Some(row.0) == name).for_each(|row| row.1 = None);
            }
            5 => {
                // SAFETY: a context.
                unsafe { c::prop_clear(context.0, c_int::from(which & 1)) };
                model.clear(which & 1 != 0);
            }
            6 => {
                let mut copy = null_mut();
                // SAFETY: a context, and a place for another.
                assert_eq!(unsafe { c::prop_dup(context.0, &raw mut copy) }, c::OK);
                context = Context(copy);
                let cut = |value: &mut Vec<u8>| {
                    value.truncate(value.iter().position(|byte| *byte == 0).unwrap_or(value.len()))
                };
                model.rows.iter_mut().filter_map(|row| row.1.as_mut()).flatten().for_each(cut);
            }
            _ => format(&context, &model, *which),
        }
        compare(&context, &model);
    }
}

/// A list of names as C has it.
fn list(names: &[usize]) -> Vec<*const c_char> {
    names.iter().map(|name| NAMES[*name].as_ptr()).chain([null()]).collect()
}

fn set_several(context: &Context, model: &mut Model, name: Option<usize>, pointer: *const c_char, count: u8) {
    let strings: Vec<CString> =
        (0..count % 4).map(|number| CString::new(vec![b'0' + number; number.into()]).expect("no NUL")).collect();
    let values: Vec<_> = strings.iter().map(|string| string.as_ptr()).chain([null()]).collect();
    let mut expected = match strings.split_first() {
        Some((first, _)) => model.set(name, Some(first.as_bytes())),
        None if name.is_some() => model.set(name, None),
        None => c::OK,
    };
    for string in strings.iter().skip(1) {
        if expected == c::OK {
            expected = model.set(None, Some(string.as_bytes()));
        }
    }
    // SAFETY: the list ends with NULL.
    assert_eq!(unsafe { c::prop_setvals(context.0, pointer, values.as_ptr()) }, expected);
}

fn format(context: &Context, model: &Model, room: u8) {
    let names: Vec<&[u8]> = model.rows.iter().map(|row| NAMES[row.0].to_bytes()).collect();
    let expected = names.join(&b", "[..]);
    let (mut out, mut length) = (vec![b'~'; usize::from(room)], 0);
    // SAFETY: the buffer has so much room.
    let missing =
        unsafe { c::prop_format(context.0, c", ".as_ptr(), -1, out.as_mut_ptr().cast(), room.into(), &raw mut length) };
    match missing {
        0 => assert!(out.starts_with(&expected) && length as usize == expected.len()),
        missing => assert_eq!(missing as usize, expected.len() + 1 - out.len()),
    }
}

/// Reads everything there is of a context.
fn compare(context: &Context, model: &Model) {
    let all: Vec<usize> = (0..NAMES.len()).collect();
    let nothing = c::PropVal { name: null(), values: null(), nvalues: 0, valsize: 0 };
    let mut found = vec![nothing; all.len()];
    // SAFETY: the list ends with NULL, and there is a row for each.
    let count = unsafe { c::prop_getnames(context.0, list(&all).as_ptr(), found.as_mut_ptr()) };
    assert_eq!(count as usize, model.rows.len());
    // SAFETY: a context; there is one row more than names.
    let rows = unsafe { slice::from_raw_parts(c::prop_get(context.0), model.rows.len() + 1) };
    assert!(rows.last().is_some_and(|row| row.name.is_null()), "the rows end where they should");
    for (row, (name, values)) in rows.iter().zip(&model.rows) {
        // SAFETY: the name of a row is a string.
        assert_eq!(unsafe { CStr::from_ptr(row.name) }, NAMES[*name]);
        assert_eq!((row.values, row.nvalues), (found[*name].values, found[*name].nvalues), "both ways show the same");
        assert_eq!(row.values.is_null(), values.is_none());
        let values = values.as_deref().unwrap_or_default();
        let size: usize = values.iter().map(Vec::len).sum();
        assert_eq!((row.nvalues as usize, row.valsize as usize), (values.len(), size));
        for (index, value) in values.iter().enumerate() {
            // SAFETY: there are so many values, each with a NUL behind its bytes.
            let shown = unsafe { slice::from_raw_parts((*row.values.add(index)).cast::<u8>(), value.len() + 1) };
            assert_eq!(shown, [value, &b"\0"[..]].concat());
        }
        // SAFETY: a list of values ends with NULL.
        assert!(row.values.is_null() || unsafe { (*row.values.add(values.len())).is_null() });
    }
}
