import { createPublicKey, verify } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isSigningSecret } from "../../src/lib/secrets.ts";
import { newKeyPair, signatureHeaders } from "../../src/webhooks/sign.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP = 1614265330;
const BODY = '{"test": 2432232314}';
const GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

// Published by Svix with its worker.
const PRIVATE_KEY =
  "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
const GOOD_V1A =
  "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

// The verifiers compare with the clock.
beforeEach(() => void vi.useFakeTimers({ now: TIMESTAMP * 1000, toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

const sign = (privateKey: string | null, secrets: readonly string[] = [SECRET]) =>
  signatureHeaders({ id: ID, timestamp: TIMESTAMP, body: Buffer.from(BODY) }, { secrets, privateKey });

/** What both stock verifiers make of a header: true = both accept, false = both refuse. */
function accepted(signature: string, timestamp: string = String(TIMESTAMP)): boolean {
  const headers = { "webhook-id": ID, "webhook-timestamp": timestamp, "webhook-signature": signature };
  const verdicts = [new Webhook(SECRET), new SvixWebhook(SECRET)].map((webhook) => {
    try {
      webhook.verify(BODY, headers);
      return true;
    } catch {
      // Refused.
      return false;
    }
  });
  expect(new Set(verdicts).size).toBe(1);
  return verdicts[0] === true;
}

function rawKey(publicKey: string): ReturnType<typeof createPublicKey> {
  const x = Buffer.from(publicKey.replace("whpk_", ""), "base64").toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

test("vector C is signed as published, beside vector A", () => {
  expect(sign(PRIVATE_KEY)["webhook-signature"]).toBe(`${GOOD} ${GOOD_V1A}`);
  const signed = Buffer.from(`${ID}.${TIMESTAMP}.${BODY}`);
  const signature = Buffer.from(GOOD_V1A.slice(4), "base64");
  expect(verify(null, signed, rawKey(PUBLIC_KEY), signature)).toBe(true);
});

test("a new key pair signs what its public key verifies, and is never the same", () => {
  const pair = newKeyPair();
  expect(pair.publicKey).not.toBe(newKeyPair().publicKey);
  expect(Buffer.from(pair.privateKey.slice(5), "base64")).toHaveLength(64);
  expect(Buffer.from(pair.publicKey.slice(5), "base64")).toHaveLength(32);
  const [, v1a = ""] = sign(pair.privateKey)["webhook-signature"].split(" ");
  const signed = Buffer.from(`${ID}.${TIMESTAMP}.${BODY}`);
  const signature = Buffer.from(v1a.slice(4), "base64");
  expect(verify(null, signed, rawKey(pair.publicKey), signature)).toBe(true);
  expect(verify(null, signed, rawKey(PUBLIC_KEY), signature)).toBe(false);
});

test.each([
  ["a truncated one", PRIVATE_KEY.slice(0, -8)],
  ["a public one", PUBLIC_KEY],
  ["an HMAC secret", SECRET],
  ["none", ""],
])("a private key that is %s is refused", (_what, key) => {
  expect(() => sign(key)).toThrow("ed25519");
});

const DECOY = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
const DECOYS = [
  "v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=",
  "v1,Mm7xgUVICxZfQ3bgf0h0Dof65L/IFx+PnZvnDWPCX6Q=",
  "v1,9DfC1c3eeOrXB6w/5dIDydLNQaEyww5KalE5jLBZucE=",
];
const V2 = DECOY.replace("v1,", "v2,");

test.each([
  ["ours", () => sign(null)["webhook-signature"]],
  ["ours with v1a beside it", () => sign(PRIVATE_KEY)["webhook-signature"]],
  [
    "ours, signed with another secret as well",
    () => sign(null, [SECRET.replace("Mf", "Mg"), SECRET])["webhook-signature"],
  ],
  ["a good one among decoys", () => [DECOY, V2, GOOD, DECOY].join(" ")],
  ["a good one after decoys", () => [...DECOYS, GOOD].join(" ")],
])("the stock verifiers accept %s", (_what, signature) => {
  expect(accepted(signature())).toBe(true);
});

test.each([
  ["decoys alone", [DECOY, V2, ...DECOYS].join(" ")],
  ["an altered tail", GOOD.replace("1OE=", "1OA=")],
  ["another tail", GOOD.replace("J1OE=", "awdd")],
  ["noise", "v1,dawfeoifkpqwoekfpqoekf"],
  ["nothing after the version", "v1,"],
  ["its first eight characters", GOOD.slice(0, 8)],
  ["v1a alone", GOOD_V1A],
  ["another version", GOOD.replace("v1,", "v2,")],
])("the stock verifiers refuse %s", (_what, signature) => {
  expect(accepted(signature)).toBe(false);
});

test.each([
  ["not a number", "hello", false],
  ["301 s ago", String(TIMESTAMP - 301), false],
  ["301 s ahead", String(TIMESTAMP + 301), false],
])("the stock verifiers refuse a timestamp that is %s", (_what, timestamp, expected) => {
  expect(accepted(GOOD, timestamp)).toBe(expected);
});

test("300 s of difference are accepted either way, when signed so", () => {
  for (const offset of [-300, 300]) {
    const message = { id: ID, timestamp: TIMESTAMP + offset, body: Buffer.from(BODY) };
    const headers = signatureHeaders(message, { secrets: [SECRET], privateKey: null });
    expect(accepted(headers["webhook-signature"], headers["webhook-timestamp"])).toBe(true);
  }
});

test.each([
  [SECRET, true],
  [`whsec_${Buffer.alloc(64, 1).toString("base64")}`, true],
  [`whsec_${Buffer.alloc(65, 1).toString("base64")}`, false],
  ["whsec_plJ3nmyCDGBKInavdOK15jsl", false],
  ["whsec_", false],
  ["whsec_%", false],
  ["whsec_wronglength", false],
  ["", false],
  [PUBLIC_KEY, false],
])("the secret %s is allowed: %s", (secret, allowed) => {
  expect(isSigningSecret(secret)).toBe(allowed);
});
