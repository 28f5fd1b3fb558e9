//! Security layers.
use crate::error::Result;

/// Protects what is sent and received after authentication.
pub trait SecurityLayer: Send {
    /// Appends to `out` one packet for `input`, which is at most [`max_input`](Self::max_input) bytes long.
    fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()>;
    /// Takes any run of received bytes and appends to `out` what became clear.
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()>;
    /// The strength of this layer, in bits.
    fn ssf(&self) -> u32;
    /// The longest input for one packet.
    fn max_input(&self) -> u32;
}
