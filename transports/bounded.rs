//! The body that an adapter reads: never longer than the limit (`Q13`).

use alloc::vec::Vec;

use super::{Delivery, RESPONSE_LIMIT, SendError, SendErrorKind};

pub(super) struct BoundedBody {
    bytes: Vec<u8>,
    limit: usize,
}

impl BoundedBody {
    /// `declared` is the length that the response declares, or 0 if it declares none.
    pub(super) fn new(declared: u64, limit: usize) -> Result<Self, SendError> {
        let declared = usize::try_from(declared).unwrap_or(usize::MAX);
        if declared > limit {
            return Err(too_long());
        }
        // The buffer has its final size if a token's response declares one, because a buffer that grows leaves copies behind. A larger size
        // that a server declares is not allocated at once.
        Ok(Self { bytes: Vec::with_capacity(declared.min(RESPONSE_LIMIT)), limit })
    }

    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), SendError> {
        if chunk.len() > self.limit.saturating_sub(self.bytes.len()) {
            return Err(too_long());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn too_long() -> SendError {
    SendError::new(SendErrorKind::TooLarge, Delivery::Unknown, None)
}
