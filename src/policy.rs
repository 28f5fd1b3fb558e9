//! What a connection demands of a mechanism, and why a mechanism is refused.

use std::fmt;
use std::ops::BitOr;

use crate::error::{Code, Error};
use crate::prompt::PromptKind;

/// A security strength factor: 0 is no protection, 1 integrity only, more is roughly the key length in bits
/// (RFC 4422 section 3.7 and its appendix).
pub type Ssf = u32;

macro_rules! flag_set {
    ($(#[$meta:meta])* $name:ident { $($(#[$flag_meta:meta])* $flag:ident = $bit:expr, $label:expr;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
        pub struct $name(u32);

        impl $name {
            $($(#[$flag_meta])* pub const $flag: $name = $name($bit);)*

            /// No flag.
            pub const NONE: $name = $name(0);

            /// The flags with these bits, which are those of the C interface; bits without a name are kept.
            #[must_use]
            pub const fn from_bits(bits: u32) -> Self {
                $name(bits)
            }

            /// The bits of the C interface.
            #[must_use]
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// Both sets together.
            #[must_use]
            pub const fn and(self, other: Self) -> Self {
                $name(self.0 | other.0)
            }

            /// This set without the flags of `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                $name(self.0 & !other.0)
            }

            /// Whether every flag of `other` is in this set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether there is no flag in this set.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.and(other)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut separator = "";
                $(if self.contains(Self::$flag) {
                    write!(f, "{separator}{}", $label)?;
                    separator = "|";
                })*
                let named = $name(0 $(| Self::$flag.0)*);
                match (self.0 & !named.0, separator) {
                    (0, "") => f.write_str("none"),
                    (0, _) => Ok(()),
                    (rest, _) => write!(f, "{separator}{rest:#x}"),
                }
            }
        }
    };
}

flag_set! {
    /// What a mechanism guarantees, and what a connection demands.
    SecurityFlags {
        /// The password does not cross the wire as it is.
        NO_PLAINTEXT = 0x01, "NO_PLAINTEXT";
        /// Safe against someone who can change what is sent.
        NO_ACTIVE = 0x02, "NO_ACTIVE";
        /// What is seen on the wire does not help in guessing the password.
        NO_DICTIONARY = 0x04, "NO_DICTIONARY";
        /// Breaking one session does not help in breaking the next.
        FORWARD_SECRECY = 0x08, "FORWARD_SECRECY";
        /// The client is always someone.
        NO_ANONYMOUS = 0x10, "NO_ANONYMOUS";
        /// The server receives credentials that it can use itself.
        PASS_CREDENTIALS = 0x20, "PASS_CREDENTIALS";
        /// The server proves itself as well.
        MUTUAL_AUTH = 0x40, "MUTUAL_AUTH";
    }
}

flag_set! {
    /// How a mechanism behaves.
    Features {
        /// The client has to know the server's host name.
        NEEDS_SERVER_FQDN = 0x0001, "NEED_SERVER_FQDN";
        /// The client speaks first.
        CLIENT_FIRST = 0x0002, "WANT_CLIENT_FIRST";
        /// The server speaks first.
        SERVER_FIRST = 0x0010, "SERVER_FIRST";
        /// The client may ask to act as somebody else (an authzid).
        PROXY = 0x0020, "PROXY_AUTHENTICATION";
        /// The stored password is not needed.
        NO_USER_PASSWORD = 0x0080, "DONTUSE_USERPASSWD";
        /// Tokens carry the framing of GSS-API (RFC 2743).
        GSS_FRAMING = 0x0100, "GSS_FRAMING";
        /// A secret facility is needed that no server provides any more.
        NEEDS_GETSECRET = 0x0400, "NEED_GETSECRET";
        /// Channel bindings can be exchanged (RFC 5056).
        CHANNEL_BINDING = 0x0800, "CHANNEL_BINDING";
        /// The mechanism also serves HTTP authentication.
        HTTP = 0x1000, "SUPPORTS_HTTP";
    }
}

flag_set! {
    /// What the application says about its protocol when it makes a session.
    SessionFlags {
        /// The protocol can carry the server's last message with its success.
        SUCCESS_DATA = 0x0004, "SUCCESS_DATA";
        /// Only mechanisms that can act as somebody else will do.
        NEED_PROXY = 0x0008, "NEED_PROXY";
        /// Only mechanisms that serve HTTP will do.
        NEED_HTTP = 0x0010, "NEED_HTTP";
    }
}

/// What a connection demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SecurityProps {
    /// The least strength that will do, the external layer's counted in.
    pub min_ssf: Ssf,
    /// The greatest strength worth having, the external layer's counted in.
    pub max_ssf: Ssf,
    /// The longest packet of a security layer that this side can receive, in bytes; 0 for no security layer.
    pub max_buf: u32,
    /// What the mechanism must guarantee.
    pub flags: SecurityFlags,
}

impl SecurityProps {
    /// The strengths that a mechanism's own layer may have: what is left of the demand once the external layer
    /// (TLS, say) is counted. Without a receive buffer there is no layer.
    #[must_use]
    pub fn layer_window(&self, external: Ssf) -> (Ssf, Ssf) {
        if self.max_buf == 0 {
            return (0, 0);
        }
        (self.min_ssf.saturating_sub(external), self.max_ssf.saturating_sub(external))
    }

    /// The flags demanded when an external layer of this strength is there: a plaintext password is no danger inside
    /// a layer that is strong enough by itself.
    #[must_use]
    pub fn flags_demanded(&self, external: Ssf) -> SecurityFlags {
        if self.min_ssf <= external && external > 1 {
            self.flags.without(SecurityFlags::NO_PLAINTEXT)
        } else {
            self.flags
        }
    }
}

/// Why a mechanism is not offered or not chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its strongest layer is weaker than `min_ssf` demands.
    TooWeak {
        /// The strength needed of the mechanism.
        need: Ssf,
        /// The strength it can give.
        max: Ssf,
    },
    /// It does not guarantee these of the flags demanded.
    SecurityFlags(SecurityFlags),
    /// It cannot act as somebody else, which the application demands.
    NoProxy,
    /// It does not serve HTTP, which the application demands.
    NoHttp,
    /// The server's host name is not known.
    NoServerFqdn,
    /// The application answers no question of this kind.
    NoPrompt(PromptKind),
    /// It can use no channel binding, or the application has none for it.
    NoChannelBinding,
    /// The option that lists the mechanisms leaves it out.
    NotListed(&'static str),
    /// The other side does not offer it.
    NotOffered,
    /// There is no such mechanism here.
    Unknown,
    /// It needs a secret facility that no server provides any more.
    NeedsSecret,
    /// It cannot work here, for the reason given.
    Unavailable(String),
}

impl Refusal {
    /// The code that an attempt to use the mechanism fails with.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Refusal::TooWeak { .. } => Code::TooWeak,
            Refusal::SecurityFlags(missing) if missing.contains(SecurityFlags::NO_PLAINTEXT) => Code::Encrypt,
            _ => Code::NoMech,
        }
    }

    /// The error of an attempt to use the mechanism of this name.
    #[must_use]
    pub fn into_error(self, mechanism: &str) -> Error {
        let text = match &self {
            Refusal::TooWeak { need, max } => {
                format!("mech {mechanism} is too weak: SSF {need} is needed, it has at most {max}")
            }
            Refusal::SecurityFlags(_) => format!("{self} (mechanism {mechanism})"),
            Refusal::Unknown => format!("Couldn't find mech {mechanism}"),
            Refusal::NeedsSecret => format!("mech {mechanism} {self}"),
            other => format!("mechanism {mechanism} refused: {other}"),
        };
        Error::new(self.code(), text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooWeak { need, max } => write!(f, "too weak: SSF {need} is needed, it has at most {max}"),
            Refusal::SecurityFlags(missing) => {
                write!(f, "security flags do not match required: {missing} is missing")
            }
            Refusal::NoProxy => f.write_str("it cannot act as another user, which the application demands"),
            Refusal::NoHttp => f.write_str("it does not serve HTTP, which the application demands"),
            Refusal::NoServerFqdn => f.write_str("the server's host name is not known"),
            Refusal::NoPrompt(kind) => write!(f, "the application has no callback for {}", prompt_name(*kind)),
            Refusal::NoChannelBinding => f.write_str("no channel binding"),
            Refusal::NotListed(option) => write!(f, "not in {option}"),
            Refusal::NotOffered => f.write_str("the other side does not offer it"),
            Refusal::Unknown => f.write_str("no such mechanism here"),
            Refusal::NeedsSecret => f.write_str("requires unprovided secret facility"),
            Refusal::Unavailable(reason) => f.write_str(reason),
        }
    }
}

fn prompt_name(kind: PromptKind) -> &'static str {
    match kind {
        PromptKind::User => "SASL_CB_USER",
        PromptKind::AuthName => "SASL_CB_AUTHNAME",
        PromptKind::Pass => "SASL_CB_PASS",
        PromptKind::EchoPrompt => "SASL_CB_ECHOPROMPT",
        PromptKind::NoEchoPrompt => "SASL_CB_NOECHOPROMPT",
        PromptKind::Realm => "SASL_CB_GETREALM",
    }
}

/// Writes mechanisms with the reasons why they were refused: `PLAIN (no password callback); LOGIN (...)`.
#[must_use]
pub fn explain<'a>(refusals: impl IntoIterator<Item = (&'a str, &'a Refusal)>) -> String {
    refusals.into_iter().map(|(name, why)| format!("{name} ({why})")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_layer_counts_towards_the_demand() {
        let props = SecurityProps { min_ssf: 56, max_ssf: 256, max_buf: 1024, flags: SecurityFlags::NO_PLAINTEXT };
        assert_eq!(props.layer_window(0), (56, 256));
        assert_eq!(props.layer_window(128), (0, 128));
        assert_eq!(props.flags_demanded(55), SecurityFlags::NO_PLAINTEXT);
        assert_eq!(props.flags_demanded(56), SecurityFlags::NONE);
        assert_eq!(SecurityProps { max_buf: 0, ..props }.layer_window(0), (0, 0));
    }

    #[test]
    fn a_refusal_tells_code_and_reason() {
        let refusal = Refusal::SecurityFlags(SecurityFlags::NO_PLAINTEXT | SecurityFlags::MUTUAL_AUTH);
        assert_eq!(refusal.code(), Code::Encrypt);
        assert_eq!(refusal.to_string(), "security flags do not match required: NO_PLAINTEXT|MUTUAL_AUTH is missing");
        assert_eq!(Refusal::Unknown.into_error("X").detail(), "Couldn't find mech X");
        assert_eq!(explain([("A", &Refusal::NoProxy), ("B", &Refusal::Unknown)]).matches(';').count(), 1);
    }
}
