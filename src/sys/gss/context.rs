//! Security contexts.

use std::ffi::c_int;
use std::fmt;
use std::ptr::{from_ref, null, null_mut};

use super::api::{Api, Bindings, Buffer, CONTINUE_NEEDED, Handle, KRB5, Output, SPNEGO, api};
use super::{Cred, Credentials, Failure, Mech, Name, Parties};

/// A security context under way or established.
pub struct Context {
    api: &'static Api,
    handle: Handle,
    mech: Mech,
    flags: u32,
    /// Whether this is the server's end, and whether the client has been authenticated to it.
    accepted: bool,
    complete: bool,
    delegated: Option<Cred>,
}

// SAFETY: as for `Cred`.
unsafe impl Send for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: the handle came from the library, and is freed once.
            unsafe { (self.api.gss_delete_sec_context)(&mut 0, &mut self.handle, null_mut()) };
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("mech", &self.mech).field("complete", &self.complete).finish_non_exhaustive()
    }
}

impl Context {
    /// A context that nothing has been said for.
    ///
    /// # Errors
    /// When there is no library.
    pub fn new(mech: Mech) -> Result<Self, Failure> {
        let api = api()?;
        Ok(Context { api, handle: null_mut(), mech, flags: 0, accepted: false, complete: false, delegated: None })
    }

    /// The client's next token, after the server's; there is none of that at first.
    ///
    /// # Errors
    /// Why the context cannot be established.
    pub fn initiate(
        &mut self,
        credentials: &Credentials,
        target: &Name,
        flags: u32,
        binding: Option<&[u8]>,
        token: Option<&[u8]>,
    ) -> Result<Vec<u8>, Failure> {
        let (mut minor, mut output) = (0, Output::new(self.api));
        let bindings = binding.map(bindings);
        let input = token.map(Buffer::of);
        // SAFETY: everything lives during the call. The context is NULL at first and then the library's own, which the call
        // may free and set to NULL. The output is freed by `Output`.
        let major = unsafe {
            (self.api.gss_init_sec_context)(
                &mut minor,
                credentials.handle(),
                &mut self.handle,
                target.handle.as_ptr(),
                self.mech.oid(),
                flags,
                0,
                bindings.as_ref().map_or(null(), from_ref),
                input.as_ref().map_or(null(), from_ref),
                null_mut(),
                &mut output.buffer,
                &mut self.flags,
                null_mut(),
            )
        };
        self.went_on(major, minor)?;
        Ok(output.bytes().to_vec())
    }

    /// The server's next token, after the client's.
    ///
    /// # Errors
    /// Why the client is not let in.
    pub fn accept(
        &mut self,
        credentials: &Credentials,
        token: &[u8],
        binding: Option<&[u8]>,
    ) -> Result<Vec<u8>, Failure> {
        let (mut minor, mut output, mut delegated) = (0, Output::new(self.api), null_mut());
        let (mut mech, bindings) = (null(), binding.map(bindings));
        self.accepted = true;
        // SAFETY: as for `initiate`; delegated credentials become this side's.
        let major = unsafe {
            (self.api.gss_accept_sec_context)(
                &mut minor,
                &mut self.handle,
                credentials.handle(),
                &Buffer::of(token),
                bindings.as_ref().map_or(null(), from_ref),
                null_mut(),
                &mut mech,
                &mut output.buffer,
                &mut self.flags,
                null_mut(),
                &mut delegated,
            )
        };
        if let Some(cred) = Cred::of(self.api, delegated) {
            self.delegated = Some(cred);
        }
        self.went_on(major, minor)?;
        // SAFETY: an identifier that the library gives is one of its constants. SPNEGO gives what it has chosen.
        if self.complete && !unsafe { KRB5.is(mech) || SPNEGO.is(mech) && self.mech == Mech::Spnego } {
            self.complete = false;
            return Err(Failure::new("the client uses another mechanism than Kerberos V5"));
        }
        if !self.complete && output.bytes().is_empty() {
            return Err(Failure::new("the token is no beginning of a security context"));
        }
        Ok(output.bytes().to_vec())
    }

    fn went_on(&mut self, major: u32, minor: u32) -> Result<(), Failure> {
        let goes_on = major & CONTINUE_NEEDED != 0;
        self.complete = false;
        self.api.check(major & !CONTINUE_NEEDED, minor, self.mech)?;
        self.complete = !goes_on;
        Ok(())
    }

    /// Whether the exchange of tokens is over.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether this is the server's end, and the client has been authenticated.
    #[must_use]
    pub fn has_authenticated_the_client(&self) -> bool {
        self.complete && self.accepted
    }

    /// Whether the context guarantees all of this ([`flag`](super::flag)).
    #[must_use]
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    /// Who the context is with. Delegated credentials are given away.
    ///
    /// # Errors
    /// When the library cannot tell, or the context is not complete.
    pub fn parties(&mut self) -> Result<Parties, Failure> {
        let (mut minor, mut initiator, mut target) = (0, null_mut(), null_mut());
        if !self.complete {
            return Err(Failure::new("the security context is not complete"));
        }
        // SAFETY: the context is live, and what is not wanted may be NULL. The names become this side's.
        let major = unsafe {
            (self.api.gss_inquire_context)(
                &mut minor,
                self.handle,
                &mut initiator,
                &mut target,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        let (initiator, target) = (Name::of(self.api, initiator), Name::of(self.api, target));
        self.api.check(major, minor, self.mech)?;
        let (peer, local) = if self.accepted { (initiator, target) } else { (target, initiator) };
        Ok(Parties { peer, local, delegated: self.delegated.take() })
    }

    /// The strength of its confidentiality, if the library tells it.
    #[must_use]
    pub fn ssf(&self) -> Option<u32> {
        if self.api.sasl_ssf.is_null() || !self.complete {
            return None;
        }
        let (mut minor, mut set) = (0, null_mut());
        // SAFETY: the constant is one of the library's, and the context live.
        let major =
            unsafe { (self.api.gss_inquire_sec_context_by_oid)(&mut minor, self.handle, *self.api.sasl_ssf, &mut set) };
        // SAFETY: after a success the set is NULL or has so many entries, with so many bytes each.
        let ssf = unsafe {
            set.as_ref().filter(|set| major == 0 && set.count > 0 && !set.elements.is_null()).and_then(|set| {
                let first = &*set.elements;
                (first.length == 4 && !first.value.is_null())
                    .then(|| u32::from_be_bytes(*first.value.cast::<[u8; 4]>()))
            })
        };
        // SAFETY: the set is NULL or the library's, and is freed once.
        unsafe { (self.api.gss_release_buffer_set)(&mut minor, &mut set) };
        ssf
    }

    /// Signs a message, and encrypts it as well.
    ///
    /// # Errors
    /// When that fails, also when it cannot be encrypted.
    pub fn wrap(&mut self, encrypt: bool, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let (mut minor, mut output, mut encrypted) = (0, Output::new(self.api), 0);
        self.must_be_complete()?;
        // SAFETY: the context is live, and so is the message; the output is freed by `Output`.
        let major = unsafe {
            (self.api.gss_wrap)(
                &mut minor,
                self.handle,
                c_int::from(encrypt),
                0,
                &Buffer::of(message),
                &mut encrypted,
                &mut output.buffer,
            )
        };
        self.api.check(major, minor, self.mech)?;
        if encrypt && encrypted == 0 {
            return Err(Failure::new("the security context cannot encrypt"));
        }
        Ok(output.bytes().to_vec())
    }

    /// Takes a message of the other side, appends what it says to `out`, and tells whether it was encrypted.
    ///
    /// # Errors
    /// When it is not the other side's, was changed, or is not the next. Nothing was appended.
    pub fn unwrap(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<bool, Failure> {
        let (mut minor, mut output, mut encrypted) = (0, Output::new(self.api), 0);
        self.must_be_complete()?;
        // SAFETY: as for `wrap`.
        let major = unsafe {
            (self.api.gss_unwrap)(
                &mut minor,
                self.handle,
                &Buffer::of(message),
                &mut output.buffer,
                &mut encrypted,
                null_mut(),
            )
        };
        let checked = self.api.check(major, minor, self.mech);
        if checked.is_ok() {
            out.extend_from_slice(output.bytes());
        }
        output.wipe();
        checked.map(|()| encrypted != 0)
    }

    /// The longest message that becomes a token of at most `size` bytes; 0 when none does.
    ///
    /// # Errors
    /// When the library cannot tell.
    pub fn wrap_size_limit(&mut self, encrypt: bool, size: u32) -> Result<u32, Failure> {
        let (mut minor, mut longest) = (0, 0);
        self.must_be_complete()?;
        // SAFETY: the context is live.
        let major = unsafe {
            (self.api.gss_wrap_size_limit)(&mut minor, self.handle, c_int::from(encrypt), 0, size, &mut longest)
        };
        self.api.check(major, minor, self.mech)?;
        Ok(longest)
    }

    fn must_be_complete(&self) -> Result<(), Failure> {
        if self.complete { Ok(()) } else { Err(Failure::new("the security context is not complete")) }
    }
}

/// Channel bindings without addresses.
fn bindings(application: &[u8]) -> Bindings {
    Bindings {
        initiator_type: 0,
        initiator: Buffer::EMPTY,
        acceptor_type: 0,
        acceptor: Buffer::EMPTY,
        application: Buffer::of(application),
    }
}
