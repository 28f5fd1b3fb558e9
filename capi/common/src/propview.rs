//! How C sees properties (`prop.h`): an array of rows that ends with one without a name, each with an array of strings.
//!
//! Programs keep pointers into it while they set values, so nothing moves without need: a row stays where it is until
//! names are added, a string until its value goes. What goes is wiped at once, but its memory stays until [`View::forget`],
//! since C may still hold a pointer to it.

use std::ffi::{CString, c_char, c_uint};
use std::mem;
use std::ptr::{null, null_mut};

use oxisasl::Secret;
use oxisasl::props::{Prop, Props};
use zeroize::{Zeroize as _, Zeroizing};

/// `struct propval`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PropVal {
    /// The property; NULL ends an array.
    pub name: *const c_char,
    /// Its values, ended by NULL; NULL when nobody set any.
    pub values: *mut *const c_char,
    /// How many values.
    pub nvalues: c_uint,
    /// The length of all values, without their NULs.
    pub valsize: c_uint,
}

impl PropVal {
    /// The row that ends an array, or stands for a property that was not requested.
    pub const NONE: PropVal = PropVal { name: null(), values: null_mut(), nvalues: 0, valsize: 0 };
}

/// Room for so many names is made at once, since most lists of properties are short.
const ROOM: usize = 16;

/// C's view of one [`Props`].
#[derive(Default)]
pub struct View {
    rows: Vec<Row>,
    /// What C is shown of `rows`, and [`PropVal::NONE`]; empty before the first use.
    array: Vec<PropVal>,
    seen: Option<u64>,
    gone: Vec<Values>,
}

struct Row {
    name: CString,
    values: Option<Values>,
}

/// The values of one property: strings, and the array of pointers to them.
#[derive(Default)]
struct Values {
    strings: Vec<Zeroizing<Vec<u8>>>,
    array: Vec<*const c_char>,
}

impl View {
    /// Brings the view up to date with the properties.
    pub fn update(&mut self, props: &Props) {
        if self.seen == Some(props.generation()) {
            return;
        }
        self.seen = Some(props.generation());
        props.read(|props| {
            let known = self.rows.iter().zip(props).take_while(|(row, prop)| row.name.to_bytes() == c_name(&prop.name));
            let known = known.count();
            for row in self.rows.drain(known..) {
                self.gone.extend(row.values.map(Values::wiped));
            }
            self.rows.extend(props.iter().skip(known).map(Row::new));
            for (row, prop) in self.rows.iter_mut().zip(props) {
                row.update(prop, &mut self.gone);
            }
        });
        if self.array.capacity() == 0 {
            self.array.reserve(self.rows.len() + ROOM);
        }
        self.array.truncate(self.rows.len());
        for (place, row) in self.array.iter_mut().zip(&mut self.rows) {
            *place = row.shown();
        }
        let shown = self.array.len();
        self.array.extend(self.rows.iter_mut().skip(shown).map(Row::shown));
        self.array.push(PropVal::NONE);
    }

    /// The array. It stays where it is until names are added.
    pub fn array(&self) -> *const PropVal {
        self.array.as_ptr()
    }

    /// The row of a property.
    #[must_use]
    pub fn row(&self, name: &[u8]) -> Option<PropVal> {
        let index = self.rows.iter().position(|row| row.name.to_bytes() == name)?;
        self.array.get(index).copied()
    }

    /// Frees what was left of values that are gone.
    pub fn forget(&mut self) {
        self.gone.clear();
    }
}

impl Row {
    fn new(prop: &Prop) -> Self {
        Row { name: CString::new(c_name(&prop.name)).unwrap_or_default(), values: None }
    }

    fn update(&mut self, prop: &Prop, gone: &mut Vec<Values>) {
        match &prop.values {
            None => gone.extend(self.values.take().map(Values::wiped)),
            Some(values) => self.values.get_or_insert_default().update(values, gone),
        }
    }

    fn shown(&mut self) -> PropVal {
        let name = self.name.as_ptr();
        match &mut self.values {
            None => PropVal { name, ..PropVal::NONE },
            Some(values) => {
                let size: usize = values.strings.iter().map(|string| string.len().saturating_sub(1)).sum();
                PropVal {
                    name,
                    values: values.array.as_mut_ptr(),
                    nvalues: c_uint::try_from(values.strings.len()).unwrap_or(c_uint::MAX),
                    valsize: c_uint::try_from(size).unwrap_or(c_uint::MAX),
                }
            }
        }
    }
}

impl Values {
    fn update(&mut self, values: &[Secret], gone: &mut Vec<Values>) {
        let same = |(string, value): &(&Zeroizing<Vec<u8>>, &Secret)| {
            // Both are the user's own; nobody chooses one to learn the other.
            string.split_last().is_some_and(|(_, string)| string == value.expose())
        };
        let kept = self.strings.iter().zip(values).take_while(same).count();
        let mut left = Values { strings: self.strings.drain(kept..).collect(), array: Vec::new() };
        if self.array.capacity() <= values.len() {
            let room = Vec::with_capacity((values.len() + 1).next_power_of_two());
            left.array = mem::replace(&mut self.array, room);
        }
        if !left.strings.is_empty() || left.array.capacity() > 0 {
            gone.push(left.wiped());
        }
        self.strings.extend(values.iter().skip(kept).map(terminated));
        self.array.clear();
        self.array.extend(self.strings.iter().map(|string| string.as_ptr().cast::<c_char>()));
        self.array.push(null());
    }

    /// The same memory with nothing in it to be read.
    fn wiped(mut self) -> Self {
        self.strings.iter_mut().for_each(|string| string.as_mut_slice().zeroize());
        self
    }
}

/// A name as C sees it: up to the first NUL.
fn c_name(name: &str) -> &[u8] {
    name.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default()
}

fn terminated(value: &Secret) -> Zeroizing<Vec<u8>> {
    let value = value.expose();
    let mut string = Zeroizing::new(Vec::with_capacity(value.len() + 1));
    string.extend_from_slice(value);
    string.push(0);
    string
}

/// Writes the names of properties with a separator between them, and a NUL behind. Without enough room nothing is written.
///
/// # Errors
/// How many bytes are missing.
pub fn format_names(props: &Props, separator: &[u8], room: &mut [u8]) -> Result<usize, usize> {
    let names = props.read(|props| props.iter().map(|prop| c_name(&prop.name)).collect::<Vec<_>>().join(separator));
    // With no name at all there is nothing to write, and no room needed for it.
    if names.is_empty() && room.is_empty() {
        return Ok(0);
    }
    let missing = (names.len() + 1).saturating_sub(room.len());
    if missing > 0 {
        return Err(missing);
    }
    room.iter_mut().zip(names.iter().chain(&[0])).for_each(|(to, from)| *to = *from);
    Ok(names.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;
    use std::slice;

    fn props(names: &[&str]) -> Props {
        let props = Props::new();
        props.request(names.iter().map(|name| (*name).to_owned()));
        props
    }

    fn rows(view: &View) -> Vec<PropVal> {
        // SAFETY: the array ends with a row without a name.
        let row = |index| unsafe { *view.array().add(index) };
        (0..).map(row).take_while(|row| !row.name.is_null()).collect()
    }

    /// The values of a row as C reads them, but for their NULs inside.
    fn strings(row: PropVal) -> Vec<String> {
        let string = |index| {
            // SAFETY: the values end with NULL, and each with a NUL.
            unsafe {
                let value = *row.values.add(index);
                (!value.is_null()).then(|| CStr::from_ptr(value).to_str().unwrap().to_owned())
            }
        };
        (0..).map_while(string).collect()
    }

    #[test]
    fn rows_come_in_the_order_of_the_requests() {
        let props = props(&["*slapConn", "mail"]);
        let mut view = View::default();
        view.update(&props);
        let seen = rows(&view);
        // SAFETY: the names are strings.
        assert_eq!(unsafe { CStr::from_ptr(seen[0].name) }, c"*slapConn");
        // SAFETY: as above.
        assert_eq!(unsafe { CStr::from_ptr(seen[1].name) }, c"mail");
        assert!(seen.iter().all(|row| row.values.is_null() && row.nvalues == 0));
        assert!(view.row(b"nosuch").is_none());
    }

    #[test]
    fn pointers_stay_while_values_come() {
        let props = props(&["a", "b"]);
        let mut view = View::default();
        view.update(&props);
        let (array, name) = (view.array(), rows(&view)[0].name);
        props.add("a", Secret::from("first")).unwrap();
        view.update(&props);
        // SAFETY: the first value of the first row.
        let first = unsafe { *(*array).values };
        for number in 0..100 {
            props.add("a", Secret::from(number.to_string().as_str())).unwrap();
            props.add("b", Secret::from("x")).unwrap();
            view.update(&props);
        }
        assert_eq!(view.array(), array);
        // SAFETY: the array has not moved.
        let row = unsafe { *array };
        assert_eq!((row.name, row.nvalues), (name, 101));
        // SAFETY: the row has values.
        assert_eq!(unsafe { *row.values }, first);
        // SAFETY: the string has not moved.
        assert_eq!(unsafe { CStr::from_ptr(first) }, c"first");
        assert_eq!(strings(row)[100], "99");
        props.request((0..ROOM - 3).map(|number| number.to_string()));
        view.update(&props);
        assert_eq!(view.array(), array, "a few more names do not move it either");
        assert_eq!(rows(&view).len(), ROOM - 1);
    }

    #[test]
    fn a_value_may_hold_any_bytes() {
        let props = props(&["p"]);
        let raw = [0u8, 1, 0, 255, 0, 0, 0, 7];
        props.add("p", Secret::from(raw.as_slice())).unwrap();
        let mut view = View::default();
        view.update(&props);
        let row = view.row(b"p").unwrap();
        assert_eq!((row.nvalues, row.valsize), (1, 8));
        // SAFETY: the value has 8 bytes and a NUL.
        let bytes = unsafe { slice::from_raw_parts((*row.values).cast::<u8>(), 9) };
        assert_eq!((&bytes[..8], bytes[8]), (raw.as_slice(), 0));
    }

    #[test]
    fn what_goes_is_wiped_and_can_still_be_read() {
        let props = props(&["p", "q"]);
        props.add("p", Secret::from("secret")).unwrap();
        props.add("q", Secret::from("kept")).unwrap();
        let mut view = View::default();
        view.update(&props);
        let values = view.row(b"p").unwrap().values;
        // SAFETY: there is one value.
        let value = unsafe { *values };
        props.erase("p");
        view.update(&props);
        assert!(view.row(b"p").unwrap().values.is_null());
        assert_eq!(strings(view.row(b"q").unwrap()), ["kept"]);
        // SAFETY: nothing was forgotten yet.
        assert_eq!(unsafe { slice::from_raw_parts((*values).cast::<u8>(), 7) }, [0; 7]);
        // SAFETY: as above.
        assert_eq!(unsafe { CStr::from_ptr(value) }, c"");
        view.forget();
        assert!(view.gone.is_empty());
    }

    #[test]
    fn a_changed_value_is_shown_and_unchanged_ones_stay() {
        let props = props(&["p"]);
        let mut view = View::default();
        props.add("p", Secret::from("same")).unwrap();
        props.add("p", Secret::from("other")).unwrap();
        view.update(&props);
        // SAFETY: there are two values.
        let same = unsafe { *view.row(b"p").unwrap().values };
        props.erase("p");
        props.add("p", Secret::from("same")).unwrap();
        props.add("p", Secret::from("new")).unwrap();
        view.update(&props);
        let row = view.row(b"p").unwrap();
        assert_eq!(strings(row), ["same", "new"]);
        // SAFETY: as above.
        assert_eq!(unsafe { *row.values }, same);
        assert_eq!(row.valsize, 7);
    }

    #[test]
    fn known_to_be_empty_is_an_empty_array() {
        let props = props(&["p"]);
        props.add_none("p").unwrap();
        let mut view = View::default();
        view.update(&props);
        let row = view.row(b"p").unwrap();
        assert!(!row.values.is_null());
        assert!(strings(row).is_empty());
        props.clear(true);
        view.update(&props);
        assert!(rows(&view).is_empty());
    }

    #[test]
    fn names_are_joined_when_there_is_room() {
        let some = props(&["a", "bc"]);
        let mut room = [b'~'; 8];
        assert_eq!(format_names(&some, b", ", &mut room[..5]), Err(1));
        assert_eq!(room, [b'~'; 8]);
        assert_eq!(format_names(&some, b", ", &mut room), Ok(5));
        assert_eq!(&room, b"a, bc\0~~");
        assert_eq!(format_names(&some, b"", &mut []), Err(4));
        assert_eq!(format_names(&Props::new(), b",", &mut []), Ok(0));
        assert_eq!(format_names(&Props::new(), b",", &mut room), Ok(0));
        assert_eq!(room[0], 0);
    }
}
