import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { type Account, NEW_ACCOUNT } from "../../src/spend/account.ts";
import { Admission, type Verdict } from "../../src/spend/admission.ts";
import type { CallLimits } from "../../src/spend/call-limits.ts";
import { createAdmissionRedis } from "../../src/spend/admission-redis.ts";
import type { Charge } from "../../src/spend/charge.ts";
import { openTestRedis } from "../support/test-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const USD = 1_000_000_000n;
let server: Awaited<ReturnType<typeof openTestRedis>>;
let redis: Redis;
/** What the store has. */
let stored: Map<string, Account>;
let loads: number;
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
  stored = new Map();
  loads = 0;
});

/** One process; those given share the word that holds are missing. */
function open(others: Admission[] = []): Admission {
  const admission = new Admission({
    redis: createAdmissionRedis(redis.duplicate(), (id) => {
      for (const other of others) void other.holdAgain(id);
    }),
    loadAccount: (id) => {
      loads++;
      return Promise.resolve(stored.get(id) ?? null);
    },
    log: quiet,
  });
  return admission;
}

function limits(fields: Partial<CallLimits> & { max?: bigint; need?: bigint; min?: bigint }) {
  const { max, need = USD, min = need, ...rest } = fields;
  const bucket =
    max === undefined
      ? []
      : [{ name: "", maxNano: max, needNano: need, fallbackNano: need, minNano: min, soft: false }];
  return { rpm: null, tpm: null, parallel: null, buckets: bucket, ...rest };
}

const nextId = (): string => `req_${++requests}`;
const kinds = (verdicts: Verdict[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(verdicts, ({ kind }) => kind)].map(([kind, all]) => [kind, all.length]));

/** The ledger's word that a call was charged. */
function commit(admission: Admission, requestId: string, costNano: bigint, tokens = 0) {
  const before = stored.get("ada") ?? NEW_ACCOUNT;
  const account = {
    ...before,
    spendNano: before.spendNano + costNano,
    sequence: before.sequence + 1n,
    alerts: [],
    modelSpend: [...before.modelSpend],
  };
  stored.set("ada", account);
  const charge = { requestId, customerId: "ada", costNano, usage: { totalTokens: tokens } } as Charge;
  admission.committed({
    charges: [charge],
    accounts: [{ customerId: "ada", account, terms: null, lastCallAt: new Date() }],
  });
}

async function admitted(admission: Admission, of: CallLimits, requestId = nextId()): Promise<string> {
  const verdict = await admission.admit(requestId, "ada", of);
  expect(verdict.kind).toBe("admitted");
  return requestId;
}

test("1,000 calls at once through four processes: exactly as many as fit", async () => {
  const processes = Array.from({ length: 4 }, () => open());
  const call = limits({ max: 5n * USD, need: USD / 10n });
  const verdicts = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => processes[i % 4]!.admit(nextId(), "ada", call)),
  );
  expect(kinds(verdicts)).toEqual({ admitted: 50, over_budget: 950 });
  expect(verdicts.find(({ kind }) => kind === "over_budget")).toMatchObject({
    spentNano: 0n,
    heldNano: 5n * USD,
  });
});

test("a settled call gives back what it did not cost, and the spend stays", async () => {
  const one = open();
  const call = limits({ max: 2n * USD, need: USD });
  const first = await admitted(one, call);
  await admitted(one, call);
  expect((await one.admit(nextId(), "ada", call)).kind).toBe("over_budget");
  commit(one, first, USD / 4n);
  expect((await one.admit(nextId(), "ada", call)).kind).toBe("over_budget");
  const rest = limits({ max: 2n * USD, need: (USD * 3n) / 4n });
  await admitted(one, rest);
  expect(await one.admit(nextId(), "ada", limits({ max: 2n * USD, need: 1n }))).toMatchObject({
    kind: "over_budget",
    spentNano: USD / 4n,
    heldNano: (USD * 7n) / 4n,
  });
});

test("a released call leaves nothing behind", async () => {
  const one = open();
  const call = limits({ max: USD, need: USD });
  one.release(await admitted(one, call));
  one.release("req_never");
  one.release(await admitted(one, call));
  await admitted(one, call);
});

test("what does not fit whole is admitted for the rest, down to the least", async () => {
  const one = open();
  await admitted(one, limits({ max: 10n * USD, need: 7n * USD }));
  const cut = limits({ max: 10n * USD, need: 5n * USD, min: USD });
  expect(await one.admit(nextId(), "ada", cut)).toMatchObject({ kind: "admitted", grantedNano: 3n * USD });
  expect((await one.admit(nextId(), "ada", cut)).kind).toBe("over_budget");
});

test("redis is filled from the store, once, and a slow fill does not undo a commit", async () => {
  stored.set("ada", { ...NEW_ACCOUNT, spendNano: 4n * USD, sequence: 7n });
  const one = open();
  const call = limits({ max: 5n * USD, need: USD });
  const id = await admitted(one, call);
  expect((await one.admit(nextId(), "ada", call)).kind).toBe("over_budget");
  expect(loads).toBe(1);

  await redis.flushall();
  const slow = new Admission({
    redis: createAdmissionRedis(redis.duplicate(), () => {}),
    loadAccount: (customerId) => {
      const old = stored.get(customerId)!;
      // Between this read and its arrival in Redis the other process commits.
      commit(one, id, USD);
      return redis.ping().then(() => old);
    },
    log: quiet,
  });
  expect(await slow.admit(nextId(), "ada", limits({ max: 5n * USD, need: 1n }))).toMatchObject({
    kind: "over_budget",
    spentNano: 5n * USD,
  });
});

test("calls that find redis empty in the same moment read the store once, and ask once for lost holds", async () => {
  let asked = 0;
  const one = open([{ holdAgain: () => Promise.resolve(void asked++) } as unknown as Admission]);
  const call = limits({ max: 5n * USD, need: USD / 10n });
  const verdicts = await Promise.all(Array.from({ length: 500 }, () => one.admit(nextId(), "ada", call)));
  expect(kinds(verdicts)).toEqual({ admitted: 50, over_budget: 450 });
  expect([loads, asked]).toEqual([1, 1]);
});

test("what was read before a change by hand does not count after it", async () => {
  stored.set("ada", { ...NEW_ACCOUNT, spendNano: 4n * USD, sequence: 7n });
  let reads = 0;
  const slow = new Admission({
    redis: createAdmissionRedis(redis.duplicate(), () => {}),
    loadAccount: async () => {
      const account = stored.get("ada")!;
      if (++reads === 1) {
        // Between this reading and its arrival in Redis the spend is reset.
        stored.set("ada", { ...account, spendNano: 0n });
        slow.forget("ada");
        await redis.ping();
      }
      return account;
    },
    log: quiet,
  });
  expect(await slow.admit(nextId(), "ada", limits({ max: USD, need: USD }))).toMatchObject({
    kind: "admitted",
    spentNano: 0n,
  });
  expect(reads).toBe(2);
});

test("a wiped redis learns the holds again from the processes that have them", async () => {
  const others: Admission[] = [];
  const [one, two] = [open(others), open(others)];
  others.push(one, two);
  await admitted(one, limits({ max: 2n * USD, need: USD }));
  await admitted(two, limits({ max: 2n * USD, need: USD }));
  await redis.flushall();
  expect(await one.admit(nextId(), "ada", limits({ max: 2n * USD, need: USD }))).toMatchObject({
    kind: "over_budget",
    heldNano: 2n * USD,
  });
});

test("the holds of a dead process expire, and the store is asked what it had charged", async () => {
  const [dead, alive] = [open(), open()];
  const call = limits({ max: USD, need: USD });
  const id = await admitted(dead, call);
  stored.set("ada", { ...NEW_ACCOUNT, spendNano: USD / 2n, sequence: 1n });
  expect((await alive.admit(nextId(), "ada", call)).kind).toBe("over_budget");
  const [key] = await redis.keys("spendhook:*:holds");
  await redis.zadd(key!, Date.now() - 1, id);
  expect((await alive.admit(nextId(), "ada", call)).kind).toBe("over_budget");
  await admitted(alive, limits({ max: USD, need: USD / 2n }));
});

test("holds that expire while the store is read do not make it be read again", async () => {
  const dead = open();
  const call = limits({ max: 9n * USD, need: USD });
  const ids = [await admitted(dead, call), await admitted(dead, call)];
  const [key] = await redis.keys("spendhook:*:holds");
  const expire = (id: string): Promise<unknown> => redis.zadd(key!, Date.now() - 1, id);
  const other = new Admission({
    redis: createAdmissionRedis(redis, () => {}),
    loadAccount: () => new Promise(() => {}),
    log: quiet,
  });
  let reads = 0;
  const alive = new Admission({
    redis: createAdmissionRedis(redis, () => {}),
    loadAccount: async () => {
      reads++;
      await expire(ids[1]!);
      // Its asking ends the hold; its reading of the store takes longer than this one.
      void other.admit(nextId(), "ada", call);
      await waitUntil("the hold to be gone", async () => (await redis.zscore(key!, ids[1]!)) === null);
      return NEW_ACCOUNT;
    },
    log: quiet,
  });
  await expire(ids[0]!);
  await admitted(alive, call);
  expect(reads).toBe(1);
});

test("a doubt about a customer without limits leaves nothing for long", async () => {
  const one = open();
  one.forget("nobody");
  one.forget("nobody");
  await waitUntil("the doubt", async () => (await redis.keys("spendhook:*")).length > 0);
  const [key] = await redis.keys("spendhook:*:state");
  await waitUntil("both", async () => (await redis.hget(key!, "doubts")) === "2");
  expect(await redis.pttl(key!)).toBeLessThanOrEqual(60_000);
  expect(await redis.pttl(key!)).toBeGreaterThan(0);
});

test("a call that was given up on holds nothing, however late its answer comes", async () => {
  const answers = [Promise.withResolvers<unknown>(), Promise.withResolvers<unknown>()];
  const asked = answers.map(({ promise }) => promise);
  const sent: string[][] = [];
  const late = new Admission({
    redis: {
      run: (script, _keys, args) => {
        sent.push([script, ...args]);
        return script === "admit" ? asked.shift()! : Promise.resolve(1);
      },
      askForHolds: () => {},
    },
    loadAccount: () => Promise.resolve(null),
    log: quiet,
  });
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const verdict = late.admit("req_late", "ada", limits({ max: USD }));
  await vi.advanceTimersByTimeAsync(6000);
  answers[0]?.resolve(["seed", "0"]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(await verdict).toEqual({ kind: "unknown" });
  const before = sent.length;
  answers[1]?.resolve(["ok", "1", "0", "0"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent.slice(before).map(([script, mode, , , , , id]) => [script, mode, id])).toEqual([
    ["settle", "release", "req_late"],
  ]);
  await late.renew();
  expect(sent.filter(([script]) => script === "renew")).toEqual([]);
});

test("what is held can be read: of living holds, and of the budget only", async () => {
  const one = open();
  expect(await one.held(["ada", "bob"])).toEqual([0n, 0n]);
  const first = await admitted(one, limits({ max: 5n * USD, need: USD }));
  const second = await admitted(one, limits({ max: 5n * USD, need: USD / 2n }));
  const ofModel = {
    name: "model:m",
    maxNano: USD,
    needNano: 7n,
    fallbackNano: 7n,
    minNano: 7n,
    soft: false,
  };
  await admitted(one, limits({ buckets: [ofModel] }));
  expect(await one.held(["bob", "ada"])).toEqual([0n, (USD * 3n) / 2n]);
  one.release(second);
  expect(await one.held(["ada"])).toEqual([USD]);
  const [key] = await redis.keys("spendhook:*:holds");
  await redis.zadd(key!, Date.now() - 1, first);
  expect(await one.held(["ada"])).toEqual([0n]);
});

test("a charge on the disk keeps its exact cost held, for ever, until it is committed", async () => {
  const one = open();
  const id = await admitted(one, limits({ max: USD, need: USD }));
  const charge = {
    requestId: id,
    customerId: "ada",
    costNano: USD / 4n,
    model: "m",
    usage: { totalTokens: 0 },
  } as Charge;
  one.spooled([charge]);
  expect(await one.admit(nextId(), "ada", limits({ max: USD, need: USD }))).toMatchObject({
    kind: "over_budget",
    heldNano: USD / 4n,
  });
  const [key] = await redis.keys("spendhook:*:holds");
  expect(await redis.zscore(key!, id)).toBe("inf");
  commit(one, id, USD / 4n);
  await admitted(one, limits({ max: USD, need: (USD * 3n) / 4n }));
});

test("a period that has ended leaves nothing spent, without anybody having run", async () => {
  const one = open();
  stored.set("ada", {
    ...NEW_ACCOUNT,
    spendNano: USD,
    sequence: 3n,
    periodEnd: new Date(Date.now() + 3_600_000),
  });
  const call = limits({ max: USD, need: USD });
  expect((await one.admit(nextId(), "ada", call)).kind).toBe("over_budget");
  const [key] = await redis.keys("spendhook:*:state");
  await redis.hset(key!, "end:", Date.now() - 1);
  await admitted(one, call);
});

test("other terms than those that redis was filled by: the store is asked what is spent by these", async () => {
  const one = open();
  const end = new Date(Date.now() + 60_000);
  stored.set("ada", { ...NEW_ACCOUNT, spendNano: USD, sequence: 3n, periodEnd: end });
  const by = (periodEnd: Date | null): CallLimits => {
    const call = limits({ max: USD, need: USD });
    return { ...call, buckets: call.buckets.map((bucket) => ({ ...bucket, periodEnd })) };
  };
  expect((await one.admit(nextId(), "ada", by(end))).kind).toBe("over_budget");
  expect((await one.admit(nextId(), "ada", by(end))).kind).toBe("over_budget");
  expect(loads).toBe(1);
  // The tier is reset daily from now on, and a new day has begun.
  stored.set("ada", { ...NEW_ACCOUNT, sequence: 3n, periodEnd: new Date(Date.now() + 90_000) });
  expect((await one.admit(nextId(), "ada", by(stored.get("ada")!.periodEnd))).kind).toBe("admitted");
  expect(loads).toBe(2);
  // Terms that the store does not share (yet) are no reason to refuse, nor to ask for ever.
  expect((await one.admit(nextId(), "ada", by(null))).kind).toBe("over_budget");
  expect(loads).toBe(3);
});

test("a charge that was in the ledger already ends its hold, also one of another process", async () => {
  const [dead, alive] = [open(), open()];
  const call = limits({ max: USD, need: USD });
  const id = await admitted(dead, call);
  const charge = {
    requestId: id,
    customerId: "ada",
    costNano: USD / 2n,
    usage: { totalTokens: 0 },
  } as Charge;
  dead.spooled([charge]);
  stored.set("ada", { ...NEW_ACCOUNT, spendNano: USD / 2n, sequence: 1n });
  expect((await alive.admit(nextId(), "ada", limits({ max: USD, need: USD / 2n + 1n }))).kind).toBe(
    "over_budget",
  );
  alive.committed({ charges: [charge], accounts: [] });
  await admitted(alive, limits({ max: USD, need: USD / 2n }));
});

test("parallel calls are counted until they end", async () => {
  const one = open();
  const call = limits({ parallel: 2 });
  const first = await admitted(one, call);
  await admitted(one, call);
  expect(await one.admit(nextId(), "ada", call)).toEqual({ kind: "too_many_parallel", limit: 2 });
  one.release(first);
  await admitted(one, call);
});

test("calls and tokens per minute", async () => {
  const one = open();
  for (let i = 0; i < 3; i++) await admitted(one, limits({ rpm: 3 }));
  expect(await one.admit(nextId(), "ada", limits({ rpm: 3 }))).toMatchObject({
    kind: "too_many_requests",
    limit: 3,
    used: 3,
  });
  const id = await admitted(one, limits({ tpm: 100 }));
  commit(one, id, 0n, 100);
  expect(await one.admit(nextId(), "ada", limits({ tpm: 100 }))).toMatchObject({
    kind: "too_many_tokens",
    used: 100,
  });
  await admitted(one, limits({ tpm: 101 }));
});

test("the limit of one model refuses that model only, and all limits hold at once", async () => {
  const one = open();
  const bucket = { needNano: USD, fallbackNano: USD, minNano: USD, soft: false };
  const both = {
    rpm: null,
    tpm: null,
    parallel: null,
    buckets: [
      { ...bucket, name: "", maxNano: 3n * USD },
      { ...bucket, name: "model:m", maxNano: USD },
    ],
  };
  await admitted(one, both);
  expect(await one.admit(nextId(), "ada", both)).toMatchObject({
    kind: "over_budget",
    bucket: { name: "model:m" },
  });
  // The refused call has held nothing anywhere.
  await admitted(one, limits({ max: 3n * USD, need: 2n * USD }));
});

test("while redis is away nothing is known", async () => {
  const away = new Redis("redis://127.0.0.1:1", {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
  });
  away.on("error", () => {});
  const lost = new Admission({
    redis: createAdmissionRedis(away, () => {}),
    loadAccount: () => Promise.resolve(null),
    log: quiet,
  });
  expect(await lost.admit(nextId(), "ada", limits({ max: USD }))).toEqual({ kind: "unknown" });
  expect(await lost.held(["ada"])).toBeNull();
  lost.release("req_x");
  away.disconnect();
});
