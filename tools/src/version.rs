//! What the tools of the 2.1 interface say with `-v`.

/// The version of the interface, and whose library it is, in the words that scripts know.
pub const NOTE: &str = concat!(
    "Built against SASL API version 2.1.28\n",
    "LibSasl version 2.1.28 by \"oxisasl ",
    env!("CARGO_PKG_VERSION"),
    "\"\n"
);
