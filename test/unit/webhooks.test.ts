import type { lookup as dnsLookup } from "node:dns";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { guardedLookup, isAllowedAddress, refuseUrl } from "../../src/webhooks/address-policy.ts";
import { type AttemptResult, classifyAttempt } from "../../src/webhooks/classify-attempt.ts";
import { NEW_ACCOUNT } from "../../src/spend/account.ts";
import { serializeSpendTracked } from "../../src/webhooks/event-body.ts";
import { RETRY_WAITS_MS } from "../../src/config/webhook-settings.ts";
import { nextWaitMs, parseRetryAfter } from "../../src/webhooks/retry-schedule.ts";
import { signatureHeaders } from "../../src/webhooks/sign.ts";

const A = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const B = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

// Vectors published with the Standard Webhooks libraries (A, B) and by Svix (D); E and F cover UTF-8 and nothing.
test.each([
  [
    "A",
    A,
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330,
    '{"test": 2432232314}',
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  ],
  [
    "B",
    B,
    "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    1649367553,
    '{"email":"test@example.com","username":"test_user"}',
    "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
  ],
  [
    "D",
    "whsec_plJ3nmyCDGBKInavdOK15jsl",
    "msg_loFOjxBNrRLzqYUf",
    1731705121,
    '{"event_type":"ping","data":{"success":true}}',
    "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
  ],
  [
    "E",
    A,
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330,
    '{"note":"héllo ✓ 💸"}',
    "v1,83vmtPpFVfD9ZDMnDbzb4uvHHeFIm+RJtpjmuagbmvQ=",
  ],
  ["F", A, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "", "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="],
])("vector %s is signed as published", (...[, secret, id, timestamp, body, signature]) => {
  const headers = signatureHeaders(
    { id, timestamp, body: Buffer.from(body) },
    { secrets: [secret], privateKey: null },
  );
  expect(headers).toEqual({
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signature,
  });
});

test("the stock verifier accepts either secret while both sign, and nothing else", () => {
  const body = '{"spend":0.001112}';
  const timestamp = Math.floor(Date.now() / 1000);
  const headers = signatureHeaders(
    { id: "evt_1", timestamp, body: Buffer.from(body) },
    { secrets: [A, B], privateKey: null },
  );
  for (const secret of [A, B]) expect(new Webhook(secret).verify(body, headers)).toEqual({ spend: 0.001112 });
  expect(() => new Webhook("whsec_plJ3nmyCDGBKInavdOK15jsl").verify(body, headers)).toThrow();
  expect(() => new Webhook(A).verify(`${body} `, headers)).toThrow();
  expect(() => new Webhook(A).verify(body, { ...headers, "webhook-id": "evt_2" })).toThrow();
  const late = signatureHeaders(
    { id: "evt_1", timestamp: timestamp - 301, body: Buffer.from(body) },
    { secrets: [A], privateKey: null },
  );
  expect(() => new Webhook(A).verify(body, late)).toThrow();
});

test("twelve tries span 75 h 42 m 35 s", () => {
  expect(RETRY_WAITS_MS).toHaveLength(12);
  expect(RETRY_WAITS_MS.reduce((sum, wait) => sum + wait, 0)).toBe((75 * 3600 + 42 * 60 + 35) * 1000);
});

test.each([
  [1, 0.5, null, 5000],
  [1, 0, null, 4000],
  [1, 1, null, 6000],
  [1, 0.5, 60_000, 60_000],
  [11, 0.5, 1000, 24 * 3_600_000],
  [12, 0.5, null, null],
  [12, 0.5, 60_000, null],
])("after attempt %i (random %f, Retry-After %s ms) the wait is %s", (attempt, random, retryAfter, wait) => {
  expect(nextWaitMs(attempt, { schedule: RETRY_WAITS_MS, random, retryAfterMs: retryAfter })).toBe(wait);
});

const BY = { schedule: RETRY_WAITS_MS, random: 0.5 };
const answer = (
  status: number,
  more: { retryAfterMs?: number; control?: string } = {},
): Extract<AttemptResult, { kind: "response" }> => ({
  kind: "response",
  status,
  retryAfterMs: null,
  control: null,
  headers: {},
  body: "",
  ...more,
});

const NOW = new Date("2026-11-24T10:00:00Z");
test.each([
  ["2", 2000],
  ["1.5", 1500],
  ["Tue, 24 Nov 2026 10:00:30 GMT", 30_000],
  ["Tue, 24 Nov 2026 09:00:00 GMT", null],
  ["1000000000", 24 * 3_600_000],
  ["0", null],
  ["-5", null],
  ["abc", null],
  ["", null],
  [undefined, null],
])("Retry-After %j is %s ms", (value, ms) => {
  expect(parseRetryAfter(value, NOW)).toBe(ms);
});

test.each([
  [200, "delivered"],
  [204, "delivered"],
  [299, "delivered"],
  [199, "retry"],
  [300, "retry"],
  [301, "retry"],
  [304, "retry"],
  [400, "retry"],
  [404, "retry"],
  [429, "retry"],
  [500, "retry"],
  [999, "retry"],
  [410, "kept"],
])("status %i means %s", (status, next) => {
  expect(classifyAttempt(answer(status), 1, BY).next).toBe(next);
});

test("the last failed attempt exhausts the delivery, and a late success still delivers", () => {
  expect(classifyAttempt({ kind: "failure", code: "connect_timeout" }, 12, BY)).toEqual({
    next: "exhausted",
    code: "connect_timeout",
    disableReason: null,
  });
  expect(classifyAttempt(answer(200), 13, BY).next).toBe("delivered");
});

test("Retry-After of a failing receiver pauses its endpoint", () => {
  expect(classifyAttempt(answer(429, { retryAfterMs: 90_000 }), 1, BY)).toEqual({
    next: "retry",
    code: "http_429",
    waitMs: 90_000,
    pauseEndpointMs: 90_000,
    disableReason: null,
  });
});

test("a receiver can end its endpoint or one event by a header of its answer", () => {
  expect(classifyAttempt(answer(200, { control: "disable" }), 1, BY)).toMatchObject({
    next: "delivered",
    disableReason: expect.stringContaining("disable"),
  });
  expect(classifyAttempt(answer(500, { control: "disable" }), 1, BY)).toMatchObject({ next: "kept" });
  expect(classifyAttempt(answer(500, { control: "abort-message" }), 1, BY)).toMatchObject({
    next: "exhausted",
    code: "aborted_by_receiver",
  });
  expect(classifyAttempt(answer(500, { control: "nonsense" }), 1, BY).next).toBe("retry");
  expect(classifyAttempt(answer(410), 1, BY).disableReason).toContain("410");
});

const PUBLIC_ONLY = { allowPrivate: false, allowCidrs: [] };

test.each([
  "https://127.1/",
  "https://0177.0.0.1/",
  "https://2130706433/",
  "https://0x7f.1/",
  "https://0/",
  "https://１２７.0.0.1/",
  "https://[::1]/",
  "https://[::ffff:7f00:1]/",
  "https://[::ffff:10.0.0.1]/",
  "https://[64:ff9b::a9fe:a9fe]/",
  "https://[2002:7f00:1::]/",
  "https://[fe80::1]/",
  "https://[fc00::1]/",
  "https://[::]/",
  "https://10.0.0.1/",
  "https://192.168.1.1/",
  "https://172.16.0.1/",
  "https://169.254.169.254/",
  "https://100.64.0.1/",
  "https://198.18.0.1/",
  "https://224.0.0.1/",
  "https://255.255.255.255/",
  "https://user:secret@example.com/",
  "https://example.com:6379/",
  "https://example.com:22/",
  "http://example.com/",
  "ftp://example.com/",
  "file:///etc/passwd",
  "not a url",
  "",
])("%s is refused", (url) => {
  expect(refuseUrl(url, PUBLIC_ONLY)).not.toBeNull();
});

test.each([
  "https://example.com/hook",
  "https://example.com:8443/",
  "https://93.184.215.14/",
  "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
])("%s is accepted", (url) => {
  expect(refuseUrl(url, PUBLIC_ONLY)).toBeNull();
});

const ALL_PRIVATE = { allowPrivate: true, allowCidrs: [] };

test.each([
  "127.0.0.1",
  "127.255.0.9",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "[::1]",
  "[fc00::1]",
  "[fd12:3456::1]",
  "[::ffff:10.0.0.1]",
  "[::7f00:1]",
  "[64:ff9b::a00:1]",
  "[2002:a00:1::]",
  "2130706433",
  "0177.0.0.1",
  "0x7f.1",
])("%s is one of the private targets that WEBHOOK_ALLOW_PRIVATE opens, to http as well", (host) => {
  expect(refuseUrl(`http://${host}:4010/`, ALL_PRIVATE)).toBeNull();
  expect(refuseUrl(`https://${host}:4010/`, ALL_PRIVATE)).toBeNull();
  expect(refuseUrl(`https://${host}:4010/`, PUBLIC_ONLY)).not.toBeNull();
});

test.each([
  "169.254.169.254",
  "169.254.1.1",
  "0.0.0.0",
  "0.1.2.3",
  "192.0.0.1",
  "192.0.2.1",
  "198.18.0.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "2852039166",
  "0xa9fea9fe",
  "0251.0376.0251.0376",
  "[fe80::1]",
  "[fec0::1]",
  "[ff02::1]",
  "[::]",
  "[2001:db8::1]",
  "[2001:0:7f00:1::]",
  "[64:ff9b:1::7f00:1]",
  "[::ffff:169.254.169.254]",
  "[::a9fe:a9fe]",
  "[64:ff9b::a9fe:a9fe]",
  "[2002:a9fe:a9fe::1]",
  "100.100.100.200",
  "[fd00:ec2::254]",
  "[fd20:ce::254]",
])("%s stays closed with WEBHOOK_ALLOW_PRIVATE: only a range of its own opens it", (host) => {
  for (const scheme of ["http", "https"]) {
    expect(refuseUrl(`${scheme}://${host}/`, ALL_PRIVATE)).toContain("WEBHOOK_ALLOW_CIDRS");
  }
});

test.each([
  ["10.1.2.3", "10.1.0.0/16"],
  ["[::ffff:10.1.2.3]", "10.1.0.0/16"],
  ["[64:ff9b::a01:203]", "10.1.0.0/16"],
  ["[2002:a01:203::]", "10.1.0.0/16"],
  ["169.254.10.1", "169.254.10.0/24"],
  ["[fe80::1]", "fe80::/10"],
  ["[64:ff9b:1::7f00:1]", "64:ff9b:1::/48"],
])("%s is opened by its range %s, to http as well", (host, cidr) => {
  const policy = { allowPrivate: false, allowCidrs: ["192.0.2.0/24", cidr] };
  expect(refuseUrl(`http://${host}/`, policy)).toBeNull();
  expect(refuseUrl(`https://${host}/`, policy)).toBeNull();
});

test("a range opens nothing beside itself", () => {
  const range = { allowPrivate: false, allowCidrs: ["10.1.0.0/16"] };
  expect(isAllowedAddress("10.2.0.1", range, "https:")).toBe(false);
  expect(isAllowedAddress("::ffff:10.2.0.1", range, "https:")).toBe(false);
  expect(isAllowedAddress("64:ff9b::a02:1", range, "https:")).toBe(false);
});

test.each([
  "93.184.215.14",
  "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]",
  "[::ffff:93.184.215.14]",
  "[64:ff9b::5db8:d70e]",
])("the public address %s needs https, whatever else is open", (host) => {
  for (const policy of [ALL_PRIVATE, { allowPrivate: false, allowCidrs: ["10.0.0.0/8", "0.0.0.0/0"] }]) {
    expect(refuseUrl(`http://${host}/`, policy)).toContain("https");
    expect(refuseUrl(`https://${host}/`, policy)).toBeNull();
  }
});

function resolver(...answers: string[][]): typeof dnsLookup {
  let call = 0;
  const answer = (
    _host: string,
    _options: object,
    callback: (error: null, addresses: object[]) => void,
  ): void => {
    const addresses = answers[Math.min(call++, answers.length - 1)] ?? [];
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  return answer as unknown as typeof dnsLookup;
}

function lookUp(answers: string[][], all: boolean): Promise<unknown[]> {
  const lookup = guardedLookup(PUBLIC_ONLY, "https:", resolver(...answers));
  return new Promise((resolve) => {
    lookup("example.com", { all }, (error, address, family) =>
      resolve([error?.name ?? null, address, family]),
    );
  });
}

test.each([
  ["a private answer", [["10.0.0.1"]]],
  ["a public and a private answer", [["93.184.215.14", "127.0.0.1"]]],
  ["a private IPv6 beside a public IPv4", [["93.184.215.14", "::1"]]],
  ["only a private IPv6", [["fd00::1"]]],
])("%s is refused before a socket is opened", async (_what, answers) => {
  expect((await lookUp(answers, true))[0]).toBe("AddressRefusedError");
  expect((await lookUp(answers, false))[0]).toBe("AddressRefusedError");
});

test("what was checked is what is dialled: an answer that changes later is checked again", async () => {
  const lookup = guardedLookup(PUBLIC_ONLY, "https:", resolver(["93.184.215.14"], ["127.0.0.1"]));
  const once = (): Promise<unknown> =>
    new Promise((resolve) => {
      lookup("example.com", {}, (error, address) => resolve(error?.name ?? address));
    });
  expect(await once()).toBe("93.184.215.14");
  expect(await once()).toBe("AddressRefusedError");
});

test("the event has LiteLLM's keys first and in its order, then ours, and exact amounts", () => {
  const text = serializeSpendTracked({
    id: "evt_1",
    charge: {
      requestId: "req_1",
      customerId: 'kr"rish\u{1F4B8}',
      occurredAt: NOW,
      costNano: 1_112_000n,
      rates: { source: "deployment", input: 1n, output: 1n, cacheRead: 1n, cacheWrite: 1n, reasoning: 1n },
      model: "mistral",
      deploymentId: "d",
      upstreamModel: "u",
      usage: {
        promptTokens: 24,
        completionTokens: 36,
        totalTokens: 60,
        cachedTokens: 0,
        cacheWriteTokens: 0,
        reasoningTokens: 0,
      },
      estimated: false,
      keyHash: "88dc",
    },
    account: { ...NEW_ACCOUNT, spendNano: 1n, lifetimeSpendNano: 123_456_789_000_000_001n, sequence: 42n },
    terms: null,
  });
  expect(Object.keys(JSON.parse(text) as object)).toEqual([
    "spend",
    "max_budget",
    "token",
    "customer_id",
    "user_id",
    "team_id",
    "user_email",
    "key_alias",
    "projected_exceeded_date",
    "projected_spend",
    "event",
    "event_group",
    "event_message",
    "id",
    "type",
    "timestamp",
    "sequence",
    "request_id",
    "model",
    "usage",
    "customer_spend",
    "lifetime_spend",
    "budget_id",
    "budget_percentage_used",
    "budget_reset_at",
    "estimated",
    "unpriced",
    "schema_version",
  ]);
  expect(text).toContain('"spend":0.001112,');
  expect(text).toContain('"customer_spend":0.000000001,"lifetime_spend":123456789.000000001,');
  expect((JSON.parse(text) as { event_message: string }).event_message).toBe(
    'Customer spend tracked. Customer=kr"rish\u{1F4B8}, spend=0.001112',
  );
});
