//! Property contexts (`prop.h`).

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::ptr::{null, null_mut};
use std::slice;

use oxisasl::props::Props;
use oxisasl::{Code, Error, Result, Secret};
use oxisasl_capi_common::propview::{View, format_names};
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::{OK, PropVal};
use crate::conn::Conn;

/// `struct propctx`: properties of its own or those of a connection, and what C was shown of them.
pub struct PropCtx {
    own: Props,
    /// The connection whose properties these are; NULL where they are its own.
    conn: *const Conn,
    view: RefCell<View>,
    /// The property that a value without a name goes to.
    last: RefCell<Option<String>>,
}

impl PropCtx {
    /// One of its own.
    pub fn new() -> Self {
        PropCtx { own: Props::new(), conn: null(), view: RefCell::default(), last: RefCell::default() }
    }

    /// That of a connection, which must outlive it.
    pub fn of_connection(conn: &Conn) -> Self {
        PropCtx { conn, ..PropCtx::new() }
    }

    /// The properties.
    pub fn props(&self) -> &Props {
        // SAFETY: NULL, or by the contract of `of_connection` alive.
        let conn = unsafe { self.conn.as_ref() };
        conn.and_then(|conn| conn.server().ok()).map_or(&self.own, |session| session.props())
    }

    /// Brings what C was shown up to date after a step. Pointers to values that went before that step are no longer good.
    pub fn refresh(&self) {
        let mut view = self.view.borrow_mut();
        view.forget();
        view.update(self.props());
    }

    /// Requests properties, and drops all values.
    pub fn request(&self, names: &[&str]) {
        self.props().request(names.iter().map(|name| (*name).to_owned()));
        if !names.is_empty() {
            self.forget();
        }
    }

    /// Drops the values, and with `names_too` the requests.
    pub fn clear(&self, names_too: bool) {
        self.props().clear(names_too);
        self.forget();
    }

    fn forget(&self) {
        self.last.replace(None);
        let mut view = self.view.borrow_mut();
        view.update(self.props());
        view.forget();
    }

    /// Brings what C was shown up to date.
    pub fn update(&self) {
        self.view.borrow_mut().update(self.props());
    }

    fn shown(&self) -> *const PropVal {
        let mut view = self.view.borrow_mut();
        view.update(self.props());
        view.array()
    }

    fn row(&self, name: &CStr) -> Option<PropVal> {
        let mut view = self.view.borrow_mut();
        view.update(self.props());
        view.row(name.to_bytes())
    }

    fn erase(&self, name: &str) {
        self.props().erase(name);
        self.update();
    }

    /// Adds a value to the property `name`, or to the last one that got one. No value marks a property as known to have none,
    /// unless it has some.
    fn set(&self, name: Option<&str>, value: Option<&[u8]>) -> Result<()> {
        let result = self.try_set(name, value);
        self.update();
        result
    }

    fn try_set(&self, name: Option<&str>, value: Option<&[u8]>) -> Result<()> {
        let Some(name) = name else {
            let last = self.last.borrow().clone();
            let last = last.ok_or_else(|| Error::param("there is no property to go on with"))?;
            return value.map_or(Ok(()), |value| self.props().add(&last, Secret::from(value)));
        };
        let set = self.props().read(|rows| rows.iter().find(|row| row.name == name).map(|row| row.values.is_some()));
        match (set, value) {
            (None, _) => {
                self.last.replace(None);
                return Err(Error::param(format!("the property {name} was not requested")));
            }
            (Some(true), None) => return Ok(()),
            (Some(false), None) => self.props().add_none(name)?,
            (_, Some(value)) => self.props().add(name, Secret::from(value))?,
        }
        self.last.replace(Some(name.to_owned()));
        Ok(())
    }

    /// A context of its own with the same in it; of a value, what comes before its first NUL.
    fn copy(&self) -> Result<Self> {
        let copy = PropCtx::new();
        self.props().read(|rows| {
            copy.own.request(rows.iter().map(|row| row.name.clone()));
            for row in rows {
                for value in row.values.iter().flatten() {
                    let value = value.expose().split(|byte| *byte == 0).next().unwrap_or_default();
                    copy.own.add(&row.name, Secret::from(value))?;
                }
                if row.values.is_some() {
                    copy.own.add_none(&row.name)?;
                }
            }
            Ok::<_, Error>(())
        })?;
        copy.last.replace(self.last.borrow().clone());
        Ok(copy)
    }
}

export! {
    /// Makes a property context, which is to be freed with `prop_dispose`. The estimate of its size is not needed.
    pub fn prop_new(_estimate: c_uint) -> *mut PropCtx {
        Box::into_raw(Box::new(PropCtx::new()))
    }

    /// Copies a property context. Values are copied as strings: what follows a NUL is left out.
    ///
    /// # Safety
    /// `src_ctx` is NULL or a context; `dst_ctx` is NULL or writable. It gets a context that is to be freed with `prop_dispose`.
    pub fn prop_dup(src_ctx: *mut PropCtx, dst_ctx: *mut *mut PropCtx) -> c_int {
        // SAFETY: by this function's contract.
        let (Some(source), false) = (unsafe { src_ctx.as_ref() }, dst_ctx.is_null()) else {
            return Code::BadParam.number();
        };
        let copy = source.copy();
        boundary::code(copy.map(|copy| {
            // SAFETY: by this function's contract.
            unsafe { arg::put(dst_ctx, Box::into_raw(Box::new(copy))) }
        }), OK)
    }

    /// Requests properties in addition to those requested before, and drops the values of all, unless the list is empty. The
    /// names are copied.
    ///
    /// # Safety
    /// `ctx` is NULL or a context; `names` is NULL or a list of strings that ends with NULL.
    pub fn prop_request(ctx: *mut PropCtx, names: *const *const c_char) -> c_int {
        // SAFETY: by this function's contract.
        boundary::code(unsafe { context(ctx) }.and_then(|ctx| unsafe { request(ctx, names) }), OK)
    }

    /// The properties, in the order in which they were requested: an array that ends with a row without a name. The rows stay
    /// where they are until names are added, and show each change; a string stays until its value goes.
    ///
    /// # Safety
    /// `ctx` is NULL or a context.
    pub fn prop_get(ctx: *mut PropCtx) -> *const PropVal {
        // SAFETY: by this function's contract.
        unsafe { ctx.as_ref() }.map_or(null(), PropCtx::shown)
    }

    /// Fills in a row for each name; one without a name for a property that was not requested. Gives the number of those that
    /// were.
    ///
    /// # Safety
    /// `ctx` is NULL or a context; `names` is NULL or a list of strings that ends with NULL; `vals` is NULL or has room for as many
    /// rows. What they point to stays as with `prop_get`.
    pub fn prop_getnames(ctx: *mut PropCtx, names: *const *const c_char, vals: *mut PropVal) -> c_int {
        // SAFETY: by this function's contract.
        let Some(ctx) = (unsafe { ctx.as_ref() }) else { return Code::BadParam.number() };
        if names.is_null() || vals.is_null() {
            return Code::BadParam.number();
        }
        let mut found = 0;
        // SAFETY: by this function's contract.
        for (index, name) in unsafe { list(names) }.enumerate() {
            let row = ctx.row(name);
            found += c_int::from(row.is_some());
            // SAFETY: by this function's contract there is a row for each name.
            unsafe { vals.add(index).write(row.unwrap_or(PropVal::NONE)) };
        }
        found
    }

    /// Drops all values, and with `requests` the names as well.
    ///
    /// # Safety
    /// `ctx` is NULL or a context.
    pub fn prop_clear(ctx: *mut PropCtx, requests: c_int) -> () {
        // SAFETY: by this function's contract.
        if let Some(ctx) = unsafe { ctx.as_ref() } {
            ctx.clear(requests != 0);
        }
    }

    /// Wipes and drops the values of one property.
    ///
    /// # Safety
    /// `ctx` is NULL or a context; `name` is NULL or a string.
    pub fn prop_erase(ctx: *mut PropCtx, name: *const c_char) -> () {
        // SAFETY: by this function's contract.
        if let (Some(ctx), Some(name)) = unsafe { (ctx.as_ref(), arg::optional_str(name)) } {
            ctx.erase(&name);
        }
    }

    /// Frees a context and sets the pointer to NULL. One that belongs to a connection is emptied, and goes with it.
    ///
    /// # Safety
    /// `ctx` is NULL, or points to NULL or a context that nothing else uses.
    pub fn prop_dispose(ctx: *mut *mut PropCtx) -> () {
        if ctx.is_null() {
            return;
        }
        // SAFETY: by this function's contract.
        let context = unsafe { ctx.replace(null_mut()) };
        // SAFETY: by this function's contract.
        match unsafe { context.as_ref() } {
            None => {}
            Some(context) if !context.conn.is_null() => context.clear(true),
            // SAFETY: it came from `Box::into_raw`, and by contract nothing else uses it.
            Some(_) => drop(unsafe { Box::from_raw(context) }),
        }
    }

    /// Writes the names with a separator between them. Gives 0, or how many bytes of room are missing.
    ///
    /// # Safety
    /// `ctx` is NULL or a context; `sep` is NULL for none or has `seplen` bytes, or a NUL at its end where that is negative; `outbuf`
    /// is NULL or has room for `outmax` bytes; `outlen` is NULL or writable, and gets the length without the NUL.
    pub fn prop_format(
        ctx: *mut PropCtx,
        sep: *const c_char,
        seplen: c_int,
        outbuf: *mut c_char,
        outmax: c_uint,
        outlen: *mut c_uint,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let (Some(ctx), false) = (unsafe { ctx.as_ref() }, outbuf.is_null()) else { return Code::BadParam.number() };
        // SAFETY: by this function's contract.
        let (separator, room) = unsafe {
            (counted(sep, seplen, seplen < 0).unwrap_or_default(), slice::from_raw_parts_mut(outbuf.cast(), outmax as usize))
        };
        match format_names(ctx.props(), separator, room) {
            Err(missing) => c_int::try_from(missing).unwrap_or(c_int::MAX),
            Ok(len) => {
                // SAFETY: by this function's contract.
                unsafe { arg::put(outlen, len as c_uint) };
                OK
            }
        }
    }

    /// Adds a value to a requested property. A NULL name stands for the property of the call before; a NULL value marks a property
    /// as known to have none, unless it has some.
    ///
    /// # Safety
    /// `ctx` is NULL or a context; `name` is NULL or a string; `value` is NULL or has `vallen` bytes, or a NUL at its end where that is
    /// not positive. It is copied.
    pub fn prop_set(ctx: *mut PropCtx, name: *const c_char, value: *const c_char, vallen: c_int) -> c_int {
        // SAFETY: by this function's contract.
        let set = unsafe { context(ctx) }.and_then(|ctx| {
            // SAFETY: by this function's contract.
            let (name, value) = unsafe { (arg::optional_lossy(name), counted(value, vallen, vallen <= 0)) };
            ctx.set(name.as_deref(), value)
        });
        boundary::code(set, OK)
    }

    /// Adds values to a requested property, as `prop_set` does.
    ///
    /// # Safety
    /// `ctx` is NULL or a context; `name` is NULL or a string; `values` is NULL for nothing to do, or a list of strings that ends with
    /// NULL. They are copied.
    pub fn prop_setvals(ctx: *mut PropCtx, name: *const c_char, values: *const *const c_char) -> c_int {
        // SAFETY: by this function's contract.
        let set = unsafe { context(ctx) }.and_then(|ctx| {
            if values.is_null() {
                return Ok(());
            }
            // SAFETY: by this function's contract.
            let (name, mut values) = unsafe { (arg::optional_str(name), list(values)) };
            match (values.next(), &name) {
                (Some(first), _) => ctx.set(name.as_deref(), Some(first.to_bytes()))?,
                // An empty list says of a property that it has no values.
                (None, Some(name)) => ctx.set(Some(name), None)?,
                (None, None) => {}
            }
            values.try_for_each(|value| ctx.set(None, Some(value.to_bytes())))
        });
        boundary::code(set, OK)
    }
}

/// What `prop_request` and `sasl_auxprop_request` do with a list of names.
///
/// # Safety
/// `names` is NULL or a list of strings that ends with NULL.
///
/// # Errors
/// [`Code::BadParam`] without a list, and for a name that is not UTF-8.
pub unsafe fn request(ctx: &PropCtx, names: *const *const c_char) -> Result<()> {
    if names.is_null() {
        return Err(Error::param("no names of properties"));
    }
    // SAFETY: by this function's contract.
    let names: Result<Vec<&str>, _> = unsafe { list(names) }.map(CStr::to_str).collect();
    ctx.request(&names.map_err(|_| Error::param("the name of a property is not UTF-8"))?);
    Ok(())
}

/// A context that must be there.
///
/// # Safety
/// `ctx` is NULL or a context that lives for `'a`.
unsafe fn context<'a>(ctx: *mut PropCtx) -> Result<&'a PropCtx> {
    // SAFETY: by this function's contract.
    unsafe { ctx.as_ref() }.ok_or_else(|| Error::param("no property context"))
}

/// Bytes with a length, or a string's own; `None` for NULL.
///
/// # Safety
/// `data` is NULL, or has `len` bytes, or with `whole` a NUL at its end.
unsafe fn counted<'a>(data: *const c_char, len: c_int, whole: bool) -> Option<&'a [u8]> {
    if whole {
        // SAFETY: by this function's contract.
        return unsafe { arg::optional_text(data) };
    }
    // SAFETY: by this function's contract.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data.cast(), len.max(0) as usize) })
}

/// The strings of a list that ends with NULL; none where there is no list.
///
/// # Safety
/// `next` is NULL or such a list, and it lives for `'a`.
unsafe fn list<'a>(mut next: *const *const c_char) -> impl Iterator<Item = &'a CStr> {
    std::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: by this function's contract this is a place of the list.
        let string = unsafe { *next };
        if string.is_null() {
            next = null();
            return None;
        }
        // SAFETY: a place that is not NULL is followed by one more.
        next = unsafe { next.add(1) };
        // SAFETY: by this function's contract.
        Some(unsafe { CStr::from_ptr(string) })
    })
}
