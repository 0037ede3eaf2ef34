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
  /** Whether a browser of theirs shows something at once. */
  by_browser: boolean;
  /** Whether a telephone of theirs rings. */
  by_phone: boolean;
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
  /** It is an announcement, which can be confirmed. */
  announcement?: boolean;
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

export type Device = { name: string; verified?: boolean } & (
  | { kind: 'browser' }
  | { kind: 'registered-phone' }
  | { kind: 'sip-address'; uri: string }
  | { kind: 'number'; number: string; trunk?: string }
  | { kind: 'sip-message'; uri?: string }
  | { kind: 'email'; address: string; attach?: boolean }
  | { kind: 'web-push' }
  | { kind: 'webhook'; url: string }
);

export type DeviceKind = Device['kind'];

export type Reached = 'present' | 'absent' | 'away' | 'busy' | 'do-not-disturb';

/** Everything that has to hold; what is left out always does. */
export interface When {
  presence?: Reached[];
  /** `mon-fri 9:00-18:00` */
  hours?: string[];
  /** `alice`, `@family`, `contacts`, `outsiders`, `+493012345` */
  from?: string[];
  urgent?: boolean;
  unheard_secs?: number;
}

export interface Ring {
  device: string[];
  attempts: number;
  retry_secs: number;
  ring_secs: number;
}

export type Act =
  | 'pop-up' | 'stop'
  | { ring: Ring }
  | { notify: { device: string[] } }
  | { wait: { secs: number } }
  | { escalate: { to: string } }
  | { all: Act[] };

export interface Rule {
  when: When;
  do: Act[];
  go_on?: boolean;
}

export interface Group {
  name: string;
  members: string[];
}

/** What a recipient chose: devices, and rules that are tried from the first to the last. */
export interface Profile {
  devices: Device[];
  groups?: Group[];
  zone: string;
  quiet_hours?: { hours: string[]; urgent_passes?: boolean };
  calls_per_hour: number;
  rules: Rule[];
}

/** A line of why a message goes where it goes. */
export interface ExplainedLine {
  at: number;
  rule?: number;
  what: string;
  text: string;
}

/** What a dry run takes for given. */
export interface Assumed {
  profile: Profile;
  presence: Reached[];
  at: number;
  sender: string;
  urgent: boolean;
  looks: boolean;
  answers: boolean;
}

/** A user, or a number or address that somebody typed. */
export type Addressee = UserId | { address: string };

export interface Me {
  user: User;
  profile: Profile;
  limit_seconds: number;
  /** The largest file that may be sent up. */
  upload_bytes: number;
  domain: string;
  /** Nothing rings or pops up; messages wait. */
  do_not_disturb: boolean;
  /** Whether this user may change groups and the site's templates. */
  events_manager?: boolean;
}

/** Whether, and of what, a sender is mailed. */
export interface ReceiptMail {
  /** Whether the server sends mail at all. */
  available: boolean;
  address: string | null;
  heard: boolean;
  failed: boolean;
  confirmed: boolean;
  /** Why the last mail could not be sent. */
  error: string | null;
}

/** Whose messages a web service is told of. */
export type About = 'sent' | 'received' | 'all';

/** A web service that is told every step of a message. */
export interface Webhook {
  id: number;
  url: string;
  about: About;
  created: number;
  waiting: number;
  given_up: number;
  missed: number;
  last_ok: number | null;
  /** Why it did not take the last one, and since when it has taken none. */
  error: string | null;
  failing_since: number | null;
}

/** What a web service did not take, however often it was tried. */
export interface GivenUp {
  seq: number;
  message: MessageId;
  type: string | null;
  at: number;
  reason: string;
}
