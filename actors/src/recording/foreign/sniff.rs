//! What a file is, by its first bytes. Its name and its type are only what somebody says.

use std::fmt;

/// What a file is packed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// RIFF WAVE.
    Wav,
    /// Ogg whose first stream is Opus: what Hark itself writes.
    OggOpus,
    /// Any other Ogg.
    Ogg,
    /// Matroska, and so WebM.
    Matroska,
    /// ISO base media (MP4, M4A, 3GP, QuickTime).
    Mp4,
    /// MPEG audio layers.
    Mp3,
    /// AAC frames with ADTS headers.
    Aac,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wav => "WAV",
            Self::OggOpus => "Ogg Opus",
            Self::Ogg => "Ogg",
            Self::Matroska => "WebM",
            Self::Mp4 => "MP4",
            Self::Mp3 => "MP3",
            Self::Aac => "AAC",
        })
    }
}

/// What begins with `head`, which should be some hundred bytes.
pub fn sniff(head: &[u8]) -> Option<Container> {
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Container::Wav),
        [b'O', b'g', b'g', b'S', ..] => Some(ogg(head)),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Container::Matroska),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Container::Mp4),
        // ADTS (ISO/IEC 13818-7): twelve bits of sync, then layer 0.
        [0xff, b, ..] if b & 0xf6 == 0xf0 => Some(Container::Aac),
        // MPEG audio: eleven bits of sync, a version, layer 3, a bit rate and a rate that exist.
        [0xff, b, c, ..] if b & 0xe6 == 0xe2 && b & 0x18 != 0x08 && mpeg(*c) => {
            Some(Container::Mp3)
        }
        _ => None,
    }
}

const fn mpeg(c: u8) -> bool {
    c >> 4 != 0x0f && c & 0x0c != 0x0c
}

fn ogg(head: &[u8]) -> Container {
    // RFC 3533 section 6: 27 bytes and a table of segments, then the first packet.
    let first = head.get(26).map(|segments| 27 + usize::from(*segments));
    let packet = first.and_then(|first| head.get(first..)).unwrap_or_default();
    if packet.starts_with(b"OpusHead") { Container::OggOpus } else { Container::Ogg }
}

/// How long the ID3v2 tag is with which MP3 and AAC files may begin (id3.org, ID3v2.4 section
/// 3.1); 0 where there is none.
pub(super) fn tag_length(head: &[u8]) -> u64 {
    let &[b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = head else { return 0 };
    let size = [a, b, c, d].iter().fold(0u64, |size, byte| size << 7 | u64::from(byte & 0x7f));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    10 + size + footer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_is_in_them() {
        let ogg = |packet: &[u8]| [b"OggS".as_slice(), &[0; 22], &[1, 19], packet].concat();
        for (head, container) in [
            (b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec(), Some(Container::Wav)),
            (b"RIFF\x00\x00\x00\x00AVI LIST".to_vec(), None),
            (ogg(b"OpusHead\x01"), Some(Container::OggOpus)),
            (ogg(b"\x01vorbis"), Some(Container::Ogg)),
            (b"OggS".to_vec(), Some(Container::Ogg)),
            (b"\x1a\x45\xdf\xa3\x9f".to_vec(), Some(Container::Matroska)),
            (b"\0\0\0\x18ftypM4A ".to_vec(), Some(Container::Mp4)),
            (b"\xff\xfb\x90\x00".to_vec(), Some(Container::Mp3)),
            (b"\xff\xf3\x40\xc0".to_vec(), Some(Container::Mp3)),
            (b"\xff\xf1\x50\x80".to_vec(), Some(Container::Aac)),
            (b"\xff\xff\xff\xff".to_vec(), None),
            (b"%PDF-1.7".to_vec(), None),
            (b"\x89PNG\r\n".to_vec(), None),
            (b"MZ\x90\0".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(sniff(&head), container, "{head:?}");
        }
    }

    #[test]
    fn a_tag_before_the_audio_is_passed_over() {
        assert_eq!(tag_length(b"ID3\x04\0\0\0\0\x02\x01"), 10 + 257);
        assert_eq!(tag_length(b"ID3\x04\0\x10\0\0\0\x01"), 21);
        assert_eq!(tag_length(b"ID3"), 0);
        assert_eq!(tag_length(b"RIFF\0\0\0\0\0\0"), 0);
    }
}
