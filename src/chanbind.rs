//! Channel bindings (RFC 5056): what ties an authentication to the TLS connection underneath.

/// One channel binding, as the application hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelBinding {
    /// Its registered name, such as `tls-unique` (RFC 5929) or `tls-exporter` (RFC 9266).
    pub name: String,
    /// The data that both ends of the connection, and nobody else, share.
    pub data: Vec<u8>,
    /// Whether an authentication that does not use it must fail.
    pub critical: bool,
}

/// What the option `channel_binding` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BindingPolicy {
    /// Bindings are not used, also where the application has given some.
    Off,
    /// One that is here is offered and used; the application may have said that it must be.
    #[default]
    Prefer,
    /// Without one there is no authentication.
    Require,
}

impl BindingPolicy {
    /// What a value of the option means; none for one that means nothing.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value.trim() {
            "off" => Some(BindingPolicy::Off),
            "prefer" => Some(BindingPolicy::Prefer),
            "require" => Some(BindingPolicy::Require),
            _ => None,
        }
    }
}

/// What the client says about channel binding in a GS2 header (RFC 5801 section 5, RFC 5802 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingFlag<'a> {
    /// `n`: the client cannot.
    Unsupported,
    /// `y`: the client can, but thinks that the server cannot.
    ServerLacksIt,
    /// `p=NAME`: the client uses the binding of this name.
    Used(&'a str),
}

/// The name of a channel binding as a GS2 header has it (`cb-name`, RFC 5801 section 4). `None` when a character is not
/// legal there, or there is none at all.
#[must_use]
pub fn binding_name(name: &[u8]) -> Option<&str> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    str::from_utf8(name).ok().filter(|_| !name.is_empty() && name.iter().all(legal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_written_out() {
        assert_eq!(BindingPolicy::parse(" require "), Some(BindingPolicy::Require));
        assert_eq!(
            ["off", "prefer"].map(BindingPolicy::parse),
            [Some(BindingPolicy::Off), Some(BindingPolicy::Prefer)]
        );
        assert_eq!(["", "yes", "Require"].map(BindingPolicy::parse), [None; 3]);
    }

    #[test]
    fn names_are_letters_digits_dots_and_hyphens() {
        for name in ["tls-unique", "tls-server-end-point", "a.b-3", "X"] {
            assert_eq!(binding_name(name.as_bytes()), Some(name));
        }
        for name in [&b""[..], b"tls_unique", b"a b", b"a,b", b"a=b", b"\xe9", "\u{e9}".as_bytes(), b"a\0"] {
            assert_eq!(binding_name(name), None, "{name:?}");
        }
    }
}
