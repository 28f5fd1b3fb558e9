//! The addresses of a connection's ends, in the form of the C interface: `192.0.2.1;25`.

use std::fmt;
use std::net::IpAddr;

use crate::error::{Error, Result};

/// An IP address and perhaps a port, in the words in which it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
}

impl Address {
    /// Takes `address;port` or `address`: a numeric IPv4 or IPv6 address, which may have a scope if it is one of a link, and a
    /// port of at most five digits, or of none: nothing here connects to it, and applications give what they have.
    ///
    /// # Errors
    /// [`crate::Code::BadParam`], naming the parameter, for any other text.
    pub fn parse(text: &str, parameter: &str) -> Result<Self> {
        let (host, port) = text.split_once(';').map_or((text, None), |(host, port)| (host, Some(port)));
        let (bare, scoped) = host.split_once('%').map_or((host, false), |(bare, _)| (bare, true));
        let address_is_good = bare.parse().is_ok_and(|address: IpAddr| !scoped || is_of_a_link(address));
        let port_is_good = port.is_none_or(|port| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()));
        if text.len() > 128 || !address_is_good || !port_is_good {
            return Err(Error::param(format!("Bad {parameter} value")));
        }
        Ok(Address { text: text.to_owned() })
    }

    /// The address without the port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text.split_once(';').map_or(&self.text, |(host, _)| host)
    }
}

/// Whether an address is one that is the same on several links, so that the scope tells which is meant (RFC 4007).
fn is_of_a_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || (address.is_multicast() && matches!(address.segments(), [0xff02 | 0xff12, ..]))
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numeric_addresses_with_numeric_ports() {
        for good in
            ["192.0.2.1;25", "192.0.2.1", "::1;65535", "192.0.2.1;", "192.0.2.1;99999", "fe80::1%eth0;7", "2001:db8::1"]
        {
            assert_eq!(Address::parse(good, "X").unwrap().to_string(), good);
        }
        let zeros = format!("192.0.2.1;{}1", "0".repeat(4000));
        for bad in [
            "",
            ";",
            "host;25",
            "192.0.2.1;x",
            "192.0.2.1;655361",
            "1.2.3;4;5",
            "10.1;25",
            "::1%lo;25",
            "192.0.2.1%lo",
            &zeros,
        ] {
            assert_eq!(Address::parse(bad, "IPLOCALPORT").unwrap_err().detail(), "Bad IPLOCALPORT value", "{bad}");
        }
    }
}
