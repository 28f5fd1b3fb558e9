//! A plugin's security layer.

use std::ffi::{c_char, c_uint};
use std::ptr::null;
use std::sync::Arc;

use oxisasl::layer::SecurityLayer;
use oxisasl::policy::Ssf;
use oxisasl::{Error, Result};

use super::context::Context;
use super::plug::{Decode, Encode, OutParams};
use super::{lie, taken};
use crate::abi::{IoVec, OK};
use crate::conn::Conn;

/// A layer that a plugin agreed on. It owns the plugin's data together with the mechanism, and may outlive that.
pub struct PluginLayer {
    context: Arc<Context>,
    conn: *const Conn,
    encode: Encode,
    decode: Decode,
    ssf: Ssf,
    max_input: u32,
}

// SAFETY: the session of the connection owns the layer, so that both move between threads together.
unsafe impl Send for PluginLayer {}

/// The layer that a mechanism has described, if any.
///
/// # Safety
/// `out` is what the mechanism has filled in.
///
/// # Errors
/// When it claims a layer without the functions for it.
pub unsafe fn agreed(
    context: &Arc<Context>,
    conn: &Conn,
    out: *const OutParams,
    max_buf: u32,
) -> Result<Option<Box<dyn SecurityLayer>>> {
    // SAFETY: by this function's contract.
    let (encode, decode, ssf, max_input) = unsafe { ((*out).encode, (*out).decode, (*out).mech_ssf, (*out).maxoutbuf) };
    match (encode, decode) {
        (None, None) if ssf == 0 => Ok(None),
        (Some(encode), Some(decode)) => Ok(Some(Box::new(PluginLayer {
            context: Arc::clone(context),
            conn,
            encode,
            decode,
            ssf,
            max_input: if max_input == 0 { max_buf } else { max_input },
        }))),
        _ => Err(lie(context.name(), &format!("claims a security layer of strength {ssf} without its functions"))),
    }
}

impl PluginLayer {
    fn conn(&self) -> &Conn {
        // SAFETY: the connection owns the session that owns this layer; it is boxed, so it has not moved.
        unsafe { &*self.conn }
    }

    /// # Safety
    /// `bytes` is NULL or has `len` bytes.
    unsafe fn give(&self, status: i32, bytes: *const c_char, len: c_uint, out: &mut Vec<u8>) -> Result<()> {
        if status != OK {
            return Err(self.conn().callback_error(status));
        }
        // SAFETY: by this function's contract.
        let bytes = unsafe { taken(self.context.name(), bytes, len)? };
        out.extend_from_slice(bytes.as_deref().unwrap_or_default());
        Ok(())
    }
}

impl SecurityLayer for PluginLayer {
    fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let piece = IoVec { base: input.as_ptr().cast_mut().cast(), len: input.len() };
        let (mut bytes, mut len) = (null(), 0);
        // SAFETY: the plugin only reads the input, which lives during the call.
        unsafe {
            let status = (self.encode)(self.context.data(), &piece, 1, &mut bytes, &mut len);
            self.give(status, bytes, len, out)?;
        }
        if bytes.is_null() {
            return Err(lie(self.context.name(), "encoded into nothing"));
        }
        Ok(())
    }

    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let len = c_uint::try_from(input.len()).map_err(|_| Error::param("the input is too long"))?;
        let (mut bytes, mut out_len) = (null(), 0);
        // SAFETY: as for encoding.
        unsafe {
            let status = (self.decode)(self.context.data(), input.as_ptr().cast(), len, &mut bytes, &mut out_len);
            self.give(status, bytes, out_len, out)
        }
    }

    fn ssf(&self) -> u32 {
        self.ssf
    }

    fn max_input(&self) -> u32 {
        self.max_input
    }
}
