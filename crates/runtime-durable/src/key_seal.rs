//! [`KeySeal`]: a seal by XChaCha20-Poly1305.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, AeadCore, KeyInit, OsRng, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use runtime_store::{EntryPlace, Seal, SealError};

/// Encrypts with XChaCha20-Poly1305, under one key, and opens what [earlier keys](Self::or_earlier) have sealed.
///
/// A body is sealed for its place: its thread, number, kind and step. One that was moved, changed or replaced by
/// a plain one is refused. For a key of each thread, so that deleting the key erases the thread, implement
/// [`Seal`].
#[derive(Clone)]
pub struct KeySeal {
    /// The first one seals.
    ciphers: Arc<[XChaCha20Poly1305]>,
}

/// The first bytes of a sealed body: a plain one is JSON, and begins otherwise.
const MAGIC: &[u8; 4] = b"\0sx1";
const NONCE: usize = 24;

impl KeySeal {
    /// Creates a seal of this key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { ciphers: [XChaCha20Poly1305::new(key.into())].into() }
    }

    /// Opens what was sealed with this key, too. So a key is changed while threads go on: first every process opens
    /// both, then they seal with the new one. The earlier one goes once no thread has entries of its time any more.
    #[must_use]
    pub fn or_earlier(self, key: &[u8; 32]) -> Self {
        let earlier = XChaCha20Poly1305::new(key.into());
        Self { ciphers: self.ciphers.iter().cloned().chain([earlier]).collect() }
    }
}

impl Seal for KeySeal {
    fn seal(&self, place: &EntryPlace<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload { msg: plain, aad: &place.to_bytes() };
        let first = self.ciphers.first().ok_or(SealError::Broken)?;
        let sealed = first.encrypt(&nonce, payload).map_err(|_| SealError::Broken)?;
        Ok([&MAGIC[..], &nonce, &sealed].concat())
    }

    fn open(&self, place: &EntryPlace<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let sealed = sealed.strip_prefix(MAGIC).ok_or(SealError::Plain)?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or(SealError::Broken)?;
        let (nonce, aad) = (XNonce::from_slice(nonce), &*place.to_bytes());
        let mut ciphers = self.ciphers.iter();
        let opened = ciphers.find_map(|it| it.decrypt(nonce, Payload { msg: sealed, aad }).ok());
        opened.ok_or(SealError::Broken)
    }
}

/// Omits the key.
impl fmt::Debug for KeySeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySeal").finish_non_exhaustive()
    }
}
