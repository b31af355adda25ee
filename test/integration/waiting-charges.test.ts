import { once } from "node:events";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Account, NEW_ACCOUNT } from "../../src/spend/account.ts";
import { Admission } from "../../src/spend/admission.ts";
import { createAdmissionRedis } from "../../src/spend/admission-redis.ts";
import type { CallLimits } from "../../src/spend/call-limits.ts";
import type { Charge } from "../../src/spend/charge.ts";
import { withWaiting } from "../../src/spend/waiting-charges.ts";
import { openTestRedis } from "../support/test-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const USD = 1_000_000_000n;
let server: Awaited<ReturnType<typeof openTestRedis>>;
let redis: Redis;
let requests = 0;

beforeAll(async () => {
  server = await openTestRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  await redis.quit();
  await server.close();
});
beforeEach(async () => {
  await redis.flushall();
});

/** One process; the store has nothing of the customer. */
function open(on: Redis = redis.duplicate()): Admission {
  return new Admission({
    redis: createAdmissionRedis(on, () => {}),
    loadAccount: () => Promise.resolve(null),
    log: quiet,
  });
}

function bucket(name: string, maxNano: bigint, need = 1n): CallLimits["buckets"][number] {
  return { name, maxNano, needNano: need, fallbackNano: need, minNano: need, soft: false };
}

function limits({ max, need, ...rest }: Partial<CallLimits> & { max?: bigint; need?: bigint }): CallLimits {
  return {
    rpm: null,
    tpm: null,
    parallel: null,
    buckets: max === undefined ? [] : [bucket("", max, need)],
    ...rest,
  };
}

const nextId = (): string => `req_${++requests}`;

async function admitted(admission: Admission, of: CallLimits): Promise<void> {
  expect((await admission.admit(nextId(), "ada", of)).kind).toBe("admitted");
}

/** A charge on the disk of a call that held nothing: its customer had no limits then. */
function waitingCharge(costNano: bigint, fields: Partial<Charge> = {}): Charge {
  const occurredAt = new Date();
  const usage = { totalTokens: 0 };
  return {
    requestId: nextId(),
    customerId: "ada",
    costNano,
    model: "m",
    occurredAt,
    usage,
    ...fields,
  } as Charge;
}

test("what waits on the disk counts also for a call that held nothing, on the budget and on its model's limit", async () => {
  const one = open();
  one.spooled([waitingCharge(USD)]);
  expect((await one.admit(nextId(), "ada", limits({ max: USD, need: 1n }))).kind).toBe("over_budget");
  expect((await one.admit(nextId(), "ada", limits({ buckets: [bucket("model:m", USD)] }))).kind).toBe(
    "over_budget",
  );
  await admitted(one, limits({ buckets: [bucket("model:other", USD)] }));
});

test("what waits on the disk is part of every seed, by whichever process, after redis was wiped", async () => {
  const [one, two] = [open(), open()];
  one.spooled([waitingCharge(USD / 2n)]);
  two.spooled([waitingCharge(USD / 2n)]);
  for (const process of [one, two]) {
    await redis.flushall();
    await process.holdAgain("ada");
    expect((await one.admit(nextId(), "ada", limits({ max: USD / 2n, need: 1n }))).kind).toBe("over_budget");
  }
});

test("what waits on the disk is no call in flight", async () => {
  const one = open();
  one.spooled([waitingCharge(1n), waitingCharge(1n)]);
  await admitted(one, limits({ parallel: 1 }));
  expect((await one.admit(nextId(), "ada", limits({ parallel: 1 }))).kind).toBe("too_many_parallel");
});

test("what waits no longer is not held: once it is committed, or when its file has gone", async () => {
  const one = open();
  const [booked, gone] = [waitingCharge(USD / 2n), waitingCharge(USD / 2n)];
  one.spooled([booked, gone]);
  expect((await one.admit(nextId(), "ada", limits({ max: USD, need: 1n }))).kind).toBe("over_budget");
  one.committed({ charges: [booked], accounts: [] });
  one.unspooled([booked, gone]);
  await waitUntil("both holds to end", async () => (await one.held(["ada"]))?.[0] === 0n);
  await admitted(one, limits({ max: USD, need: USD }));
});

test("while redis does not answer, nothing is admitted before it knows what waits", async () => {
  const own = redis.duplicate({ lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  await own.connect();
  const one = open(own);
  await admitted(one, limits({ max: USD, need: 1n }));
  own.disconnect();
  await once(own, "end");
  one.spooled([waitingCharge(USD)]);
  expect((await one.admit(nextId(), "ada", limits({ max: USD }))).kind).toBe("unknown");
  await own.connect();
  expect((await one.admit(nextId(), "ada", limits({ max: USD }))).kind).toBe("over_budget");
  await own.quit();
});

test("an account with what waits: in its period, for life, and by model", () => {
  const start = new Date("2026-03-01T00:00:00Z");
  const account: Account = {
    ...NEW_ACCOUNT,
    spendNano: 10n,
    lifetimeSpendNano: 100n,
    periodStart: start,
    modelSpend: [{ model: "m", spendNano: 5n, periodStart: null, periodEnd: null }],
  };
  const before = waitingCharge(1n, { occurredAt: new Date("2026-02-28T23:59:59Z") });
  const since = waitingCharge(2n, { occurredAt: start, model: "other" });
  expect(withWaiting(account, [before, since])).toMatchObject({
    spendNano: 12n,
    lifetimeSpendNano: 103n,
    modelSpend: [
      { model: "m", spendNano: 6n },
      { model: "other", spendNano: 2n },
    ],
  });
  expect(withWaiting(account, [])).toBe(account);
  expect(withWaiting(null, [])).toBeNull();
  expect(withWaiting(null, [since])).toMatchObject({ spendNano: 2n, modelSpend: [{ spendNano: 2n }] });
});
