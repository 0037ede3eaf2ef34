// What the server says, in its own words: the JSON of /api/v1 and of the WebSocket.

export type UserId = number;
export type MessageId = string;

export type Presence = 'offline' | 'phone' | 'away' | 'online' | 'busy' | 'do-not-disturb';

/** How far a message has come for one recipient. A later step implies the earlier ones. */
export type Step = 'accepted' | 'notified' | 'delivered' | 'heard';

export const STEPS: readonly Step[] = ['accepted', 'notified', 'delivered', 'heard'];

export interface User {
  id: UserId;
  name: string;
  display_name: string;
  extension: string;
}

export interface Contact extends User {
  presence: Presence;
}

export interface Sender {
  /** The account, where the sender is a user who identified. */
  user: UserId | null;
  name: string;
  address: string;
}

export interface Message {
  id: MessageId;
  sender: Sender;
  /** Milliseconds since 1970. */
  at: number;
  length_ms: number;
  urgent: boolean;
  /** Its recipients may not forward it. */
  private: boolean;
  /** The message that it answers. */
  reply_to: MessageId | null;
  step: Step;
  /** Loudness over time, 0 to 255. */
  peaks: number[];
  audio: string;
}

export interface ReceiptStep {
  step: Step;
  device: string;
  at: number;
  heard_ms?: number;
}

export interface OutboxRecipient {
  user: UserId | null;
  name: string;
  steps: ReceiptStep[];
  /** The time for which it waits before the recipient learns of it. */
  waits_until?: number;
  /** The latest attempt that failed, as far as this page was open to see it. */
  trouble?: Trouble;
}

export interface Trouble {
  device: string;
  reason: string;
  at: number;
  /** Whether every rule was tried in vain, and nothing further is. */
  final: boolean;
}

export interface OutboxEntry {
  id: MessageId;
  at: number;
  length_ms: number;
  recipients: OutboxRecipient[];
}

export interface Counts {
  new: number;
  saved: number;
}

/** A call that was ordered here: Hark rings a telephone of one's own. */
export type CallStage =
  | { state: 'calling' | 'ringing' | 'answered' | 'playing' | 'cancelled' }
  | { state: 'recording' | 'recorded'; ms: number }
  | { state: 'done'; message: MessageId | null; heard_ms: number | null }
  | { state: 'failed'; reason: string };

export interface OrderedCall {
  call: string;
  kind: 'record' | 'play';
  device: string;
  version: number;
  stage: CallStage;
}

export type Device =
  | { name: string; kind: 'browser' }
  | { name: string; kind: 'registered-phone' }
  | { name: string; kind: 'sip-address'; uri: string };

export type Condition = 'always' | 'present' | 'absent';

export interface Ring {
  device: string;
  attempts: number;
  retry_secs: number;
  ring_secs: number;
}

export type Act = 'pop-up' | 'stop' | { ring: Ring };

export interface Rule {
  when: Condition;
  do: Act;
}

/** What a recipient chose: devices, and rules that are tried from the first to the last. */
export interface Profile {
  devices: Device[];
  rules: Rule[];
}

export interface Me {
  user: User;
  profile: Profile;
  limit_seconds: number;
  domain: string;
  /** Nothing rings or pops up; messages wait. */
  do_not_disturb: boolean;
}
