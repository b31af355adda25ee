import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";

/** What one attempt is signed with: every secret adds a `v1` signature, a private key one `v1a`. */
export interface SigningKeys {
  /** `whsec_…`, newest first, so that a receiver can hold any of them while they are being rotated. */
  readonly secrets: readonly string[];
  /** `whsk_…`; null = no asymmetric signature. */
  readonly privateKey: string | null;
}

/** The three headers of Standard Webhooks 1.0. */
export interface SignatureHeaders {
  "webhook-id": string;
  "webhook-timestamp": string;
  "webhook-signature": string;
}

/**
 * Signs one attempt. `timestamp` is this attempt's time in whole seconds. The HMAC key is the decoded bytes
 * of a secret, not its text; signed are `id.timestamp.body`.
 */
export function signatureHeaders(
  message: { readonly id: string; readonly timestamp: number; readonly body: Buffer },
  keys: SigningKeys,
): SignatureHeaders {
  const signed = Buffer.concat([Buffer.from(`${message.id}.${message.timestamp}.`), message.body]);
  const signatures = keys.secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  });
  if (keys.privateKey !== null) {
    signatures.push(`v1a,${sign(null, signed, privateKeyOf(keys.privateKey)).toString("base64")}`);
  }
  return {
    "webhook-id": message.id,
    "webhook-timestamp": String(message.timestamp),
    "webhook-signature": signatures.join(" "),
  };
}

const SEED_BYTES = 32;
/** What PKCS #8 puts before an ed25519 seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** A `whsk_` key is base64 of the seed followed by the public key, 32 bytes each. Throws for anything else. */
function privateKeyOf(text: string): KeyObject {
  const bytes = Buffer.from(/^whsk_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1] ?? "", "base64");
  if (bytes.length !== 2 * SEED_BYTES) throw new Error("Not an ed25519 private key of 64 bytes");
  const der = Buffer.concat([PKCS8_PREFIX, bytes.subarray(0, SEED_BYTES)]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

/** A new ed25519 key pair in Standard Webhooks' spelling: `whsk_…` and `whpk_…`. */
export function newKeyPair(): { privateKey: string; publicKey: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(PKCS8_PREFIX.length);
  const point = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-SEED_BYTES);
  return {
    privateKey: `whsk_${Buffer.concat([seed, point]).toString("base64")}`,
    publicKey: `whpk_${point.toString("base64")}`,
  };
}
