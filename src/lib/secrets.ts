import { createCipheriv, createDecipheriv, hash, randomBytes, timingSafeEqual } from "node:crypto";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Lower-case hex SHA-256 of an API key: the only form of a caller's key that is stored or sent. */
export function hashApiKey(key: string): string {
  return hash("sha256", key, "hex");
}

/** Compares two equal-length hex digests without leaking where they differ. */
export function sameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a, "latin1");
  const right = Buffer.from(b, "latin1");
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Encrypts text with AES-256-GCM under a 32-byte key: base64 of nonce, tag and ciphertext. */
export function sealSecret(plain: string, key: Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
}

/** Opens what `sealSecret` made; throws when the key is another or the text was changed. */
export function openSecret(sealed: string, key: Uint8Array): string {
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString(
    "utf8",
  );
}

/** A new Standard Webhooks signing secret: `whsec_` and 32 random bytes in base64. */
export function newSigningSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

const LEAST_SECRET_BYTES = 24;
const MOST_SECRET_BYTES = 64;
export const SIGNING_SECRET_RULE = `expected whsec_ and the base64 of ${LEAST_SECRET_BYTES} to ${MOST_SECRET_BYTES} bytes`;

/** True for a secret that Standard Webhooks allows to be used. */
export function isSigningSecret(text: string): boolean {
  const body = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  const bytes = body === undefined ? 0 : Buffer.from(body, "base64").length;
  return bytes >= LEAST_SECRET_BYTES && bytes <= MOST_SECRET_BYTES;
}
