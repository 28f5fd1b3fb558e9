//! What plugins call the library through (`sasl_utils_t`).

/// Makes `sasl_global_utils` point to the table.
pub fn publish() {}

/// Makes `sasl_global_utils` NULL again.
pub fn withdraw() {}
