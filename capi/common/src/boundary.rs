//! The boundary to C: every entry is made by [`export!`](crate::export!) or
//! [`export_unversioned!`](crate::export_unversioned!), which give it its C name and let no panic through.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oxisasl::{Code, Error};

/// What a C function gives back when its body panicked.
pub trait OnPanic {
    /// That value.
    fn on_panic() -> Self;
}

impl OnPanic for i32 {
    fn on_panic() -> Self {
        Code::Fail.number()
    }
}

impl OnPanic for () {
    fn on_panic() -> Self {}
}

impl OnPanic for u32 {
    fn on_panic() -> Self {
        0
    }
}

impl<T> OnPanic for *const T {
    fn on_panic() -> Self {
        std::ptr::null()
    }
}

impl<T> OnPanic for *mut T {
    fn on_panic() -> Self {
        std::ptr::null_mut()
    }
}

/// Runs the body of a C function. A panic is a bug of ours, but the program around it must not die of it.
pub fn guard<T: OnPanic>(name: &'static str, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        oxisasl::syslog::write(oxisasl::log::Level::Err, &format!("internal error: a panic in {name}"));
        T::on_panic()
    })
}

/// The number that C gets for a result: `done` for a success.
pub fn code<T>(result: Result<T, Error>, done: i32) -> i32 {
    match result {
        Ok(_) => done,
        Err(error) => error.code().number(),
    }
}

/// Defines a C function and exports it under its name.
///
/// The name is an assembler symbol that jumps to the Rust function, because a version script cannot give a version to a
/// function that rustc itself exports.
#[macro_export]
macro_rules! export {
    ($($(#[$meta:meta])* pub fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {
        $(
            $(#[$meta])*
            #[allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]
            pub extern "C" fn $name($($arg: $type),*) $(-> $result)? {
                $crate::boundary::guard(stringify!($name), || $(-> $result)? { $body })
            }
            $crate::jump!($name);
        )*
    };
}

/// Defines a C function and exports it under its name, for a library whose names have no versions: rustc exports it itself.
#[macro_export]
macro_rules! export_unversioned {
    ($($(#[$meta:meta])* pub fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {
        $(
            $(#[$meta])*
            #[allow(clippy::too_many_arguments, clippy::not_unsafe_ptr_arg_deref)]
            // SAFETY: nothing else in this library has the name.
            #[unsafe(no_mangle)]
            pub extern "C" fn $name($($arg: $type),*) $(-> $result)? {
                $crate::boundary::guard(stringify!($name), || $(-> $result)? { $body })
            }
        )*
    };
}

/// Exports a Rust function under its own, unmangled name.
#[macro_export]
macro_rules! jump {
    ($name:ident) => {
        #[cfg(target_arch = "x86_64")]
        $crate::jump!("jmp", $name);
        #[cfg(target_arch = "aarch64")]
        $crate::jump!("b", $name);
        #[cfg(target_arch = "riscv64")]
        $crate::jump!("tail", $name);
    };
    ($instruction:literal, $name:ident) => {
        core::arch::global_asm!(
            concat!(".globl ", stringify!($name)),
            concat!(".type ", stringify!($name), ",@function"),
            concat!(stringify!($name), ":"),
            concat!($instruction, " {function}"),
            concat!(".size ", stringify!($name), ", .-", stringify!($name)),
            function = sym $name,
        );
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each type that a C function gives back has a value for it, and none of them is a success.
    #[test]
    fn a_panic_becomes_a_failure() {
        fn panicking<T: OnPanic>() -> T {
            guard("a test of panics", || panic!("as it should"))
        }
        assert_eq!(panicking::<i32>(), Code::Fail.number());
        assert_eq!(panicking::<u32>(), 0);
        assert!(panicking::<*const u8>().is_null() && panicking::<*mut u8>().is_null());
        panicking::<()>();
        assert_eq!(guard("a test of panics", || 7), 7);
    }
}
