// A browser's half of Web Push, written against the RFCs with Node's own cryptography: it subscribes,
// opens what it is pushed (RFC 8188, RFC 8291) and checks who sent it (RFC 8292).
//
//   node browser.mjs       a JSON command a line in, a JSON answer a line out

import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from "node:crypto";
import { createInterface } from "node:readline";

const ecdh = createECDH("prime256v1");
const p256dh = ecdh.generateKeys();
const auth = randomBytes(16);

const commands = {
  subscribe: () => ({ p256dh: p256dh.toString("base64url"), auth: auth.toString("base64url") }),
  open: ({ body, authorization }) => ({ payload: open(Buffer.from(body, "hex")), ...identify(authorization) }),
};

function open(body) {
  const salt = body.subarray(0, 16);
  const recordSize = body.readUInt32BE(16);
  const key = body.subarray(21, 21 + body[20]);
  const record = body.subarray(21 + body[20]);
  if (record.length > recordSize) throw new Error("more than one record");
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), p256dh, key]);
  const secret = Buffer.from(hkdfSync("sha256", ecdh.computeSecret(key), auth, info, 32));
  const derive = (label, length) => Buffer.from(hkdfSync("sha256", secret, salt, Buffer.from(`Content-Encoding: ${label}\0`), length));
  const cipher = createDecipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12));
  cipher.setAuthTag(record.subarray(-16));
  const plain = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
  const end = plain.lastIndexOf(2);
  if (end < 0 || plain.subarray(end + 1).some((byte) => byte !== 0)) throw new Error("no last record");
  return plain.subarray(0, end).toString();
}

function identify(authorization) {
  const [, token, key] = /^vapid t=([^,]+), k=([\w-]+)$/.exec(authorization) ?? [];
  const [header, claims, signature] = token.split(".");
  const point = Buffer.from(key, "base64url");
  const jwk = { kty: "EC", crv: "P-256", x: point.subarray(1, 33).toString("base64url"), y: point.subarray(33).toString("base64url") };
  const parse = (text) => JSON.parse(Buffer.from(text, "base64url"));
  const signer = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  const genuine = verify("sha256", Buffer.from(`${header}.${claims}`), signer, Buffer.from(signature, "base64url"));
  return { genuine, header: parse(header), claims: parse(claims), key };
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = commands[command.do](command);
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify({ n: command.n, ...answer })}\n`);
}
