import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Admission } from "../../src/spend/admission.ts";
import { keysOf } from "../../src/spend/admission-args.ts";
import { createAdmissionRedis } from "../../src/spend/admission-redis.ts";
import { openTestRedis } from "../support/test-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let server: Awaited<ReturnType<typeof openTestRedis>>;
let redis: Redis;

beforeAll(async () => {
  server = await openTestRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});
beforeEach(async () => {
  await redis.flushall();
});

/** What was counted in the minute before this one, and in this one. */
interface Counts {
  readonly before: number;
  readonly current: number;
}

/** The first instant (epoch ms) from `now` on at which a call fits, looked for millisecond by millisecond. */
function firstFit(now: number, { before, current }: Counts, fits: (used: number) => boolean): number {
  const next = now - (now % 60_000) + 60_000;
  for (let at = now; ; at++) {
    const passed = (at % 60_000) / 60_000;
    if (at >= next + 60_000) return at;
    if (fits(at < next ? before * (1 - passed) + current : current * (1 - passed))) return at;
  }
}

async function clock(): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

const CASES: (Counts & { limit: number })[] = [
  { before: 0, current: 3, limit: 3 },
  { before: 10, current: 2, limit: 3 },
  { before: 60, current: 0, limit: 1 },
  { before: 5, current: 1, limit: 1 },
  { before: 5_000_000, current: 99, limit: 100 },
  { before: 0, current: 250, limit: 100 },
];

// Proves    who waits as long as the refusal says is not refused for the same calls again, nor waits for nothing.
test.for(CASES.flatMap((one) => [{ ...one, what: "rpm" } as const, { ...one, what: "tpm" } as const]))(
  "a refusal says when a call fits again: $what of $limit after $before and $current",
  async ({ what, before, current, limit }) => {
    const admission = new Admission({
      redis: createAdmissionRedis(redis, () => {}),
      loadAccount: () => Promise.resolve(null),
      log: quiet,
    });
    // Early enough in its minute that all of these are too many, and that it is the same one for what follows.
    await waitUntil("a window with room", async () => (await clock()) % 60_000 < 50_000);
    const earliest = await clock();
    const rw = Math.floor(earliest / 60_000);
    const counts = what === "rpm" ? { rc: current, rp: before } : { tc: current, tp: before };
    await redis.hset(keysOf("ada")[0] ?? "", { rw, ...counts });
    const none = { rpm: null, tpm: null, parallel: null, buckets: [] };
    const verdict = await admission.admit("req_1", "ada", { ...none, [what]: limit });
    const latest = await clock();

    const kind = what === "rpm" ? "too_many_requests" : "too_many_tokens";
    if (verdict.kind !== kind) throw new Error(`It was ${verdict.kind}`);
    expect(verdict.used).toBeGreaterThanOrEqual(limit);
    const fits = (used: number): boolean => (what === "rpm" ? used + 1 <= limit : used < limit);
    const first = firstFit(earliest, { before, current }, fits);
    expect(earliest + verdict.retryInMs).toBeLessThanOrEqual(first + 1);
    expect(latest + verdict.retryInMs).toBeGreaterThanOrEqual(first);
  },
);
