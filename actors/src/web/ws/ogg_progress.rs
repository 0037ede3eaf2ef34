//! How far an Ogg Opus stream has come, seen from its page headers alone, while it arrives.
//!
//! This bounds a recording while it is spoken and shows its length; whether the file is sound is
//! decided when it is imported. RFC 3533 section 6 is the page, RFC 7845 section 4 the granule
//! position: samples at 48 kHz whatever the input's rate.

/// Why a stream is no Ogg file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not an Ogg stream: record audio/ogg with the Opus codec")]
pub struct NotOgg;

/// The fixed part of a page header.
const HEADER: usize = 27;
/// A granule position that means: no packet ends on this page.
const NO_PACKET: i64 = -1;

/// Follows the pages of one stream. Holds one page header, never a payload.
#[derive(Debug, Default)]
pub struct OggProgress {
    header: Vec<u8>,
    /// Payload bytes of the current page that are still to come.
    skip: usize,
    granule: i64,
}

impl OggProgress {
    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    /// [`NotOgg`] where a page should begin and does not.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotOgg> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let wanted = self.wanted();
            let taken = (wanted - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            let magic = self.header.len().min(4);
            if self.header[..magic] != b"OggS"[..magic] {
                return Err(NotOgg);
            }
            if self.header.len() >= HEADER && self.header.len() == self.wanted() {
                self.page();
            }
        }
        Ok(())
    }

    /// How long the stream is so far, in milliseconds.
    pub fn ms(&self) -> u32 {
        u32::try_from(self.granule / 48).unwrap_or(u32::MAX)
    }

    fn wanted(&self) -> usize {
        HEADER + self.header.get(HEADER - 1).map_or(0, |segments| usize::from(*segments))
    }

    fn page(&mut self) {
        let mut granule = [0; 8];
        granule.copy_from_slice(&self.header[6..14]);
        let granule = i64::from_le_bytes(granule);
        if granule != NO_PACKET {
            self.granule = self.granule.max(granule);
        }
        self.skip = self.header[HEADER..].iter().map(|lacing| usize::from(*lacing)).sum();
        self.header.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(granule: i64, payload: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0\0".to_vec();
        page.extend(granule.to_le_bytes());
        page.extend([0; 12]);
        let segments = payload.len() / 255 + 1;
        page.push(segments as u8);
        page.extend(vec![255; segments - 1]);
        page.push((payload.len() % 255) as u8);
        page.extend(payload);
        page
    }

    #[test]
    fn pages_are_followed_however_they_are_cut() {
        let stream =
            [page(0, b"OpusHead"), page(-1, &[7; 700]), page(48_000, &[1; 255]), page(96_480, b"")]
                .concat();
        for cut in [1, 2, 3, 26, 27, 28, 100, stream.len()] {
            let mut progress = OggProgress::default();
            for chunk in stream.chunks(cut) {
                progress.push(chunk).unwrap();
            }
            assert_eq!(progress.ms(), 2010, "cut {cut}");
        }
    }

    #[test]
    fn anything_else_is_refused_early() {
        assert_eq!(OggProgress::default().push(b"RI"), Err(NotOgg));
        let mut progress = OggProgress::default();
        progress.push(&page(0, b"abc")).unwrap();
        assert_eq!(progress.push(b"\x1aE\xdf\xa3"), Err(NotOgg));
    }

    #[test]
    fn a_negative_or_huge_granule_does_no_harm() {
        let mut progress = OggProgress::default();
        progress.push(&page(-5, b"")).unwrap();
        assert_eq!(progress.ms(), 0);
        progress.push(&page(i64::MAX, b"")).unwrap();
        assert_eq!(progress.ms(), u32::MAX);
    }
}
