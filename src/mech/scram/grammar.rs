//! The messages of SCRAM (RFC 5802 section 7).

use super::{Kind, MAX_INPUT, MAX_ITERATIONS, MIN_FIRST};
use crate::b64;
use crate::chanbind::{BindingFlag, binding_name};
use crate::error::{Error, Result};
use crate::text::unescape_name;

impl Kind {
    pub fn bad(self, what: &str) -> Error {
        Error::protocol(format!("{what} in {} input", self.name))
    }

    pub fn invalid(self) -> Error {
        Error::protocol(format!("Invalid {} input", self.name))
    }

    pub fn mandatory(self) -> Error {
        Error::protocol(format!("Unsupported mandatory extension to {}", self.name))
    }

    pub fn check_input(self, input: &[u8], limit: &str) -> Result<()> {
        if input.is_empty() {
            return Err(Error::protocol(format!("{} input expected", self.name)));
        }
        if input.len() > MAX_INPUT {
            return Err(Error::protocol(format!("{} input longer than ({limit}) bytes", self.name)));
        }
        if input.contains(&0) {
            return Err(self.bad("NULs found"));
        }
        Ok(())
    }

    /// Extensions may be ignored, except `m=`, which says that this one may not (section 5.1).
    pub fn check_extension(self, field: &[u8]) -> Result<()> {
        match field {
            [b'm', b'=', ..] => Err(self.mandatory()),
            [name, b'=', value @ ..]
                if name.is_ascii_alphabetic() && !value.is_empty() && str::from_utf8(value).is_ok() =>
            {
                Ok(())
            }
            _ => Err(self.bad("Invalid extension")),
        }
    }

    pub fn check_nonce(self, nonce: &[u8]) -> Result<()> {
        if nonce.is_empty() || !nonce.iter().all(u8::is_ascii_graphic) {
            return Err(self.bad("Invalid nonce"));
        }
        Ok(())
    }
}

fn fields(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message.split(|byte| *byte == b',')
}

/// The value in a field `name=value`.
fn value_of(field: Option<&[u8]>, name: u8) -> Option<&[u8]> {
    match field? {
        [first, b'=', value @ ..] if *first == name => Some(value),
        _ => None,
    }
}

/// A number without a sign; the greatest one for all that are too long.
pub fn parse_count(digits: &[u8]) -> Option<u32> {
    let digits = str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(u32::MAX)) }
}

/// `client-first-message`.
pub struct ClientFirst<'a> {
    pub flag: BindingFlag<'a>,
    /// The GS2 header, to its second comma.
    pub header: &'a [u8],
    /// The rest.
    pub bare: &'a [u8],
    pub authzid: Option<Vec<u8>>,
    pub user: Vec<u8>,
    pub nonce: &'a [u8],
}

impl<'a> ClientFirst<'a> {
    pub fn parse(kind: Kind, input: &'a [u8]) -> Result<Self> {
        if (1..MIN_FIRST).contains(&input.len()) {
            return Err(kind.invalid());
        }
        kind.check_input(input, "MAX_CLIENTIN_LEN")?;
        let mut fields = fields(input);
        let flag_field = fields.next().unwrap_or_default();
        let flag = match flag_field {
            b"n" => BindingFlag::Unsupported,
            b"y" => BindingFlag::ServerLacksIt,
            [b'p', b'=', name @ ..] => match binding_name(name) {
                None => return Err(kind.bad("Invalid channel binding name")),
                Some(name) => BindingFlag::Used(name),
            },
            [b'p', ..] => return Err(kind.bad("The initial 'p' needs to be followed by '='")),
            [b'n' | b'y', ..] => return Err(kind.bad("',' expected")),
            _ => {
                let text = format!("The initial {} client response needs to start with 'y', 'n' or 'p'", kind.name);
                return Err(Error::protocol(text));
            }
        };
        let authzid_field = fields.next().unwrap_or(b"?");
        let authzid = match authzid_field {
            // The grammar has no empty name here, but some clients send one where they mean none.
            b"" | b"a=" => None,
            [b'a', b'=', name @ ..] => match unescape_name(name) {
                None => return Err(kind.bad("Invalid authorization identity encoding")),
                name => name,
            },
            _ => return Err(kind.bad("',' expected")),
        };
        let split = flag_field.len() + authzid_field.len() + 2;
        let (header, bare) = input.split_at_checked(split).ok_or_else(|| kind.bad("',' expected"))?;
        let user = match fields.next() {
            Some([b'm', b'=', ..]) => return Err(kind.mandatory()),
            field => value_of(field, b'n').ok_or_else(|| kind.bad("Username (n=) expected"))?,
        };
        let user = unescape_name(user).ok_or_else(|| kind.bad("Invalid username encoding"))?;
        let nonce = value_of(fields.next(), b'r').ok_or_else(|| kind.bad("Nonce expected after the username"))?;
        kind.check_nonce(nonce)?;
        fields.try_for_each(|field| kind.check_extension(field))?;
        Ok(ClientFirst { flag, header, bare, authzid, user, nonce })
    }
}

/// `server-first-message`.
pub struct ServerFirst<'a> {
    pub nonce: &'a [u8],
    pub salt: Vec<u8>,
    pub iterations: u32,
}

impl<'a> ServerFirst<'a> {
    pub fn parse(kind: Kind, input: &'a [u8]) -> Result<Self> {
        kind.check_input(input, "MAX_SERVERIN_LEN")?;
        let mut fields = fields(input);
        let nonce = match fields.next() {
            Some([b'e', b'=', error @ ..]) => return Err(server_error(error)),
            _ if input.len() < MIN_FIRST || !input.contains(&b',') => return Err(kind.invalid()),
            Some([b'm', b'=', ..]) => return Err(kind.mandatory()),
            field => value_of(field, b'r').ok_or_else(|| kind.bad("Nonce (r=) expected"))?,
        };
        kind.check_nonce(nonce)?;
        let salt = value_of(fields.next(), b's').ok_or_else(|| kind.bad("Salt expected after the nonce"))?;
        let salt = b64::decode(salt).ok_or_else(|| Error::protocol("Invalid base64 encoding of the salt"))?;
        if salt.is_empty() {
            return Err(Error::protocol("The salt can't be empty"));
        }
        let count = value_of(fields.next(), b'i');
        let count = count.ok_or_else(|| kind.bad("iteration-count expected after the salt"))?;
        let iterations = parse_count(count).ok_or_else(|| kind.bad("Invalid iteration-count"))?;
        if iterations > MAX_ITERATIONS {
            return Err(Error::protocol("iteration-count is too big, refusing to compute"));
        }
        fields.try_for_each(|field| kind.check_extension(field))?;
        Ok(ServerFirst { nonce, salt, iterations })
    }
}

/// `client-final-message`.
pub struct ClientFinal<'a> {
    /// What `c=` stands for: the GS2 header and the data of the channel binding.
    pub binding: Vec<u8>,
    pub nonce: &'a [u8],
    pub proof: Vec<u8>,
    pub without_proof: &'a [u8],
}

impl<'a> ClientFinal<'a> {
    pub fn parse(kind: Kind, input: &'a [u8]) -> Result<Self> {
        kind.check_input(input, "MAX_CLIENTIN_LEN")?;
        let mut fields = fields(input);
        let Some(binding) = value_of(fields.next(), b'c') else {
            let several = input.contains(&b',');
            return Err(if several { kind.bad("Channel binding expected") } else { kind.invalid() });
        };
        let binding = b64::decode(binding).ok_or_else(|| {
            Error::protocol(format!("Invalid base64 encoding of the channel bindings in {}", kind.name))
        })?;
        let nonce = fields.next().ok_or_else(|| kind.bad("At least nonce is expected"))?;
        let nonce = value_of(Some(nonce), b'r').ok_or_else(|| kind.bad("Nonce expected"))?;
        let proof = loop {
            match fields.next() {
                None => return Err(kind.bad("Client proof is expected")),
                Some([b'p', b'=', proof @ ..]) => break proof,
                Some(field) => kind.check_extension(field)?,
            }
        };
        if fields.next().is_some() {
            return Err(kind.bad("No extension data is allowed after the client proof"));
        }
        if proof.len() != kind.hash.len().div_ceil(3) * 4 {
            return Err(kind.bad("Invalid client proof length"));
        }
        let without_proof = input.get(..input.len().saturating_sub(proof.len() + 3)).unwrap_or_default();
        let proof = b64::decode(proof).ok_or_else(|| kind.bad("Invalid base64 encoding of the client proof"))?;
        if proof.len() != kind.hash.len() {
            return Err(kind.bad("Invalid client proof length"));
        }
        Ok(ClientFinal { binding, nonce, proof, without_proof })
    }
}

/// The signature in a `server-final-message`. Extensions may follow it.
pub fn parse_server_final(kind: Kind, input: &[u8]) -> Result<Vec<u8>> {
    if input.len() < 3 {
        return Err(Error::protocol(format!("Invalid {} input expected", kind.name)));
    }
    kind.check_input(input, "MAX_SERVERIN_LEN")?;
    let mut fields = fields(input);
    let signature = match fields.next() {
        Some([b'e', b'=', error @ ..]) => return Err(server_error(error)),
        field => value_of(field, b'v').ok_or_else(|| kind.bad("ServerSignature expected"))?,
    };
    let signature = b64::decode(signature);
    let signature = signature.ok_or_else(|| kind.bad("Invalid base64 encoding of the server proof"))?;
    fields.try_for_each(|field| kind.check_extension(field))?;
    Ok(signature)
}

/// The error that a server tells (`server-error-value`), as far as it can be shown to anyone.
fn server_error(value: &[u8]) -> Error {
    let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    let value: String = value.iter().take(80).map(shown).collect();
    Error::bad_auth(format!("the server refused the authentication: {value}"))
}
