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
