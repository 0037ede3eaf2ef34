// What a file says about itself: the comment tags of an Ogg Opus file (RFC 7845 section 5.2), as
// Hark writes them. Only shown: the server reads them itself.

/** So much of a file is looked at: the tags stand at its beginning. */
export const HEAD_BYTES = 64 * 1024;
const MOST_RECIPIENTS = 50;
const LONGEST = 256;

export interface FileTags {
  /** Who is said to have spoken it. */
  sender: string | null;
  /** To whom it goes: addresses or names. */
  recipients: string[];
}

const NONE: FileTags = { sender: null, recipients: [] };

/** The tags at the beginning of a file; none where it is no Ogg Opus. */
export function readTags(head: Uint8Array): FileTags {
  const packets = firstPackets(head, 2);
  const [id, comments] = packets;
  if (!id || !comments || !startsWith(id, 'OpusHead') || !startsWith(comments, 'OpusTags')) return NONE;
  const tags: FileTags = { sender: null, recipients: [] };
  for (const comment of readComments(comments)) {
    const at = comment.indexOf('=');
    if (at < 0) continue;
    const value = comment.slice(at + 1, at + 1 + LONGEST);
    switch (comment.slice(0, at).toUpperCase()) {
      case 'ARTIST':
        tags.sender = value;
        break;
      case 'HARK_RECIPIENT':
        if (tags.recipients.length < MOST_RECIPIENTS) tags.recipients.push(value);
        break;
    }
  }
  return tags;
}

/** The first packets of the first stream (RFC 3533 section 6). */
function firstPackets(head: Uint8Array, most: number): Uint8Array[] {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const packets: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let serial: number | null = null;
  let page = 0;
  while (page + 27 <= head.length && startsWith(head.subarray(page), 'OggS')) {
    const segments = head[page + 26] ?? 0;
    const ours = view.getUint32(page + 14, true);
    serial ??= ours;
    let data = page + 27 + segments;
    for (let n = 0; n < segments; n++) {
      const length = head[page + 27 + n] ?? 0;
      if (data + length > head.length) return packets;
      if (ours === serial) {
        parts.push(head.subarray(data, data + length));
        if (length < 255) {
          packets.push(join(parts));
          parts = [];
          if (packets.length === most) return packets;
        }
      }
      data += length;
    }
    page = data;
  }
  return packets;
}

function readComments(packet: Uint8Array): string[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const decoder = new TextDecoder();
  const comments: string[] = [];
  let at = 8;
  const take = (): string | null => {
    if (at + 4 > packet.length) return null;
    const length = view.getUint32(at, true);
    if (at + 4 + length > packet.length) return null;
    const text = decoder.decode(packet.subarray(at + 4, at + 4 + length));
    at += 4 + length;
    return text;
  };
  if (take() === null || at + 4 > packet.length) return comments;
  const count = view.getUint32(at, true);
  at += 4;
  for (let n = 0; n < count; n++) {
    const text = take();
    if (text === null) break;
    comments.push(text);
  }
  return comments;
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return bytes.length >= text.length && [...text].every((c, n) => bytes[n] === c.charCodeAt(0));
}

function join(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** How a recipient is shown: a contact's name where it is one, else as it is written. */
export function shownRecipient(
  written: string, domain: string, people: readonly { name: string; display_name: string; extension: string }[],
): string {
  const bare = written.replace(/^sips?:/i, '');
  const [name = '', host] = bare.split('@');
  if (host !== undefined && host.toLowerCase() !== domain.toLowerCase()) return written;
  const person = people.find((p) => p.name === name.toLowerCase() || p.extension === name);
  return person?.display_name ?? (host === undefined ? written : name);
}
