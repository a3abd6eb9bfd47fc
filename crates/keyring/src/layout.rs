//! The 48 bytes inside a sealed token, or the 16 inside a short one. For ever: a byte is never given another meaning within one format
//! version.
//!
//! Short: home 1, grant id 8, generation 3, time 4. Pointer: home 1, grant id 8, generation 3, time 4, client 4, issued at 4, scopes 8, resource digest 8, zero 8.
//! Row-less: client 4, issued at 4, expiry 4, scopes 8, resource digest 8, client epoch 4, random 8, zero 8.
//! All numbers are big-endian. Home and resource digest are 0 until there is more than one ledger, or a resource.

use kimbai_core::number::{ClientNumber, Generation, GrantId};
use kimbai_core::scope::ScopeSet;
use kimbai_core::token::{Pointer, Rowless, ShortPointer};

pub(crate) const PAYLOAD_BYTES: usize = 48;
pub(crate) const SHORT_PAYLOAD_BYTES: usize = 16;

pub(crate) fn write_short(pointer: ShortPointer) -> [u8; SHORT_PAYLOAD_BYTES] {
    Writer::new().put_short(pointer).bytes
}

pub(crate) fn read_short(payload: &[u8; SHORT_PAYLOAD_BYTES]) -> Option<ShortPointer> {
    Reader { rest: payload }.take_short()
}

pub(crate) fn write_pointer(pointer: &Pointer) -> [u8; PAYLOAD_BYTES] {
    Writer::new()
        .put_short(pointer.short())
        .put(pointer.client.0.to_be_bytes())
        .put(pointer.issued_at_s.to_be_bytes())
        .put(pointer.scope.0.to_be_bytes())
        .bytes
}

pub(crate) fn read_pointer(payload: &[u8; PAYLOAD_BYTES]) -> Option<Pointer> {
    let mut reader = Reader { rest: payload };
    let ShortPointer { grant, generation, time } = reader.take_short()?;
    let client = ClientNumber(u32::from_be_bytes(reader.take()?));
    let issued_at_s = u32::from_be_bytes(reader.take()?);
    let scope = ScopeSet(u64::from_be_bytes(reader.take()?));
    let reserved: [u8; 16] = reader.take()?;
    (reserved == [0; 16]).then_some(Pointer { grant, generation, time, client, issued_at_s, scope })
}

pub(crate) fn write_rowless(token: &Rowless) -> [u8; PAYLOAD_BYTES] {
    Writer::new()
        .put(token.client.0.to_be_bytes())
        .put(token.issued_at_s.to_be_bytes())
        .put(token.expiry_s.to_be_bytes())
        .put(token.scope.0.to_be_bytes())
        .put([0; 8])
        .put(token.client_epoch.to_be_bytes())
        .put(token.random.to_be_bytes())
        .bytes
}

pub(crate) fn read_rowless(payload: &[u8; PAYLOAD_BYTES]) -> Option<Rowless> {
    let mut reader = Reader { rest: payload };
    let client = ClientNumber(u32::from_be_bytes(reader.take()?));
    let issued_at_s = u32::from_be_bytes(reader.take()?);
    let expiry_s = u32::from_be_bytes(reader.take()?);
    let scope = ScopeSet(u64::from_be_bytes(reader.take()?));
    let resource: [u8; 8] = reader.take()?;
    let client_epoch = u32::from_be_bytes(reader.take()?);
    let random = u64::from_be_bytes(reader.take()?);
    let reserved: [u8; 8] = reader.take()?;
    let is_plain = resource == [0; 8] && reserved == [0; 8];
    is_plain.then_some(Rowless { client, client_epoch, issued_at_s, expiry_s, scope, random })
}

struct Writer<const BYTES: usize> {
    bytes: [u8; BYTES],
    end: usize,
}

impl<const BYTES: usize> Writer<BYTES> {
    const fn new() -> Self {
        Self { bytes: [0; BYTES], end: 0 }
    }

    fn put_short(self, pointer: ShortPointer) -> Self {
        let [_, generation @ ..] = pointer.generation.number().to_be_bytes();
        self.put([0]).put(pointer.grant.0.to_be_bytes()).put(generation).put(pointer.time.to_be_bytes())
    }

    fn put<const N: usize>(mut self, field: [u8; N]) -> Self {
        self.bytes.iter_mut().skip(self.end).zip(field).for_each(|(to, from)| *to = from);
        self.end += N;
        self
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*field)
    }

    fn take_short(&mut self) -> Option<ShortPointer> {
        let home: [u8; 1] = self.take()?;
        let grant = GrantId(u64::from_be_bytes(self.take()?));
        let [high, middle, low] = self.take()?;
        let generation = Generation::new(u32::from_be_bytes([0, high, middle, low]))?;
        let time = u32::from_be_bytes(self.take()?);
        (home == [0]).then_some(ShortPointer { grant, generation, time })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pointer_is_read_as_it_was_written(
            grant: u64, generation in 0_u32..1 << 24, time: u32, client: u32, issued_at_s: u32, scope: u64,
        ) {
            let generation = Generation::new(generation).unwrap();
            let (grant, client, scope) = (GrantId(grant), ClientNumber(client), ScopeSet(scope));
            let pointer = Pointer { grant, generation, time, client, issued_at_s, scope };
            prop_assert_eq!(read_pointer(&write_pointer(&pointer)), Some(pointer));
        }

        #[test]
        fn a_short_pointer_is_read_as_it_was_written(grant: u64, generation in 0_u32..1 << 24, time: u32) {
            let pointer = ShortPointer { grant: GrantId(grant), generation: Generation::new(generation).unwrap(), time };
            prop_assert_eq!(read_short(&write_short(pointer)), Some(pointer));
        }

        #[test]
        fn every_byte_of_a_short_payload_has_a_meaning(bytes: [u8; 16]) {
            if let Some(pointer) = read_short(&bytes) {
                prop_assert_eq!(write_short(pointer), bytes);
            }
        }

        #[test]
        fn a_rowless_token_is_read_as_it_was_written(
            client: u32, client_epoch: u32, issued_at_s: u32, expiry_s: u32, scope: u64, random: u64,
        ) {
            let (client, scope) = (ClientNumber(client), ScopeSet(scope));
            let token = Rowless { client, client_epoch, issued_at_s, expiry_s, scope, random };
            prop_assert_eq!(read_rowless(&write_rowless(&token)), Some(token));
        }

        #[test]
        fn every_byte_of_a_payload_has_a_meaning(bytes in prop::array::uniform::<_, 48>(any::<u8>())) {
            if let Some(pointer) = read_pointer(&bytes) {
                prop_assert_eq!(write_pointer(&pointer), bytes);
            }
            if let Some(token) = read_rowless(&bytes) {
                prop_assert_eq!(write_rowless(&token), bytes);
            }
        }
    }
}
