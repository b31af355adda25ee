import { createHmac } from "node:crypto";

/**
 * The three headers of Standard Webhooks 1.0 for one attempt. `timestamp` is this attempt's time in whole
 * seconds; `secrets` are `whsec_…`, newest first, and each adds a signature, so a receiver can hold any of
 * them while they are being rotated. The HMAC key is the decoded bytes, not the text.
 */
export function signatureHeaders(input: {
  readonly id: string;
  readonly timestamp: number;
  readonly body: Buffer;
  readonly secrets: readonly string[];
}): { "webhook-id": string; "webhook-timestamp": string; "webhook-signature": string } {
  const signatures = input.secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const hmac = createHmac("sha256", key).update(`${input.id}.${input.timestamp}.`).update(input.body);
    return `v1,${hmac.digest("base64")}`;
  });
  return {
    "webhook-id": input.id,
    "webhook-timestamp": String(input.timestamp),
    "webhook-signature": signatures.join(" "),
  };
}
