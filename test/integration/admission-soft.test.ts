import * as fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Account, NEW_ACCOUNT } from "../../src/spend/account.ts";
import { Admission, type Verdict } from "../../src/spend/admission.ts";
import { createAdmissionRedis } from "../../src/spend/admission-redis.ts";
import type { Bucket, CallLimits } from "../../src/spend/call-limits.ts";
import type { Charge } from "../../src/spend/charge.ts";
import { openTestRedis } from "../support/test-redis.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const CENT = 10_000_000n;
let server: Awaited<ReturnType<typeof openTestRedis>>;
let redis: Redis;
const clients: Redis[] = [];
let stored: Map<string, Account>;
let requests = 0;

beforeAll(async () => {
  server = await openTestRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  for (const client of [redis, ...clients]) await client.quit();
  await server.close();
});
beforeEach(async () => {
  await redis.flushall();
  stored = new Map();
});

const nextId = (): string => `req_${++requests}`;
function open(): Admission {
  const client = redis.duplicate();
  clients.push(client);
  return new Admission({
    redis: createAdmissionRedis(client, () => {}),
    loadAccount: (id) => Promise.resolve(stored.get(id) ?? null),
    log: quiet,
  });
}

function bucket(maxNano: bigint, needNano: bigint, more: Partial<Bucket> = {}): Bucket {
  return { name: "", maxNano, needNano, fallbackNano: needNano, minNano: needNano, soft: true, ...more };
}

const under = (...buckets: Bucket[]): CallLimits => ({ rpm: null, tpm: null, parallel: null, buckets });

/** The ledger's word that a call was charged. */
function commit(
  admission: Admission,
  customerId: string,
  { requestId, costNano }: { requestId: string; costNano: bigint },
): void {
  const before = stored.get(customerId) ?? NEW_ACCOUNT;
  const account = {
    ...before,
    spendNano: before.spendNano + costNano,
    sequence: before.sequence + 1n,
  };
  stored.set(customerId, account);
  const charge = { requestId, customerId, costNano, usage: { totalTokens: 0 } } as Charge;
  admission.committed({
    charges: [charge],
    accounts: [{ customerId, account, terms: null, lastCallAt: new Date() }],
  });
}

const admittedOf = (verdicts: readonly Verdict[]): number =>
  verdicts.filter(({ kind }) => kind === "admitted").length;

// What is left before the last call that is admitted is more than nothing; after it there may be nothing left.
test.each<[calls: number, max: bigint, need: bigint, admitted: number]>([
  [8, 10n * CENT, 6n * CENT, 2],
  [8, 10n * CENT, 5n * CENT, 2],
  [8, 10n * CENT, 5n * CENT - 1n, 3],
  [8, 10n * CENT, 10n * CENT, 1],
  [8, 10n * CENT, 10n * CENT - 1n, 2],
  [8, 10n * CENT, 900n * CENT, 1],
  [8, 1n, 1n, 1],
  [8, 0n, 1n, 0],
  [1000, 500n * CENT, 10n * CENT, 50],
  [1000, 501n * CENT, 10n * CENT, 51],
])("of %i calls at once under a soft limit of %i, each for %i: %i", async (calls, max, need, admitted) => {
  const processes = Array.from({ length: 4 }, open);
  const verdicts = await Promise.all(
    Array.from({ length: calls }, (_, i) =>
      processes[i % 4]!.admit(nextId(), "ada", under(bucket(max, need))),
    ),
  );
  expect(admittedOf(verdicts)).toBe(admitted);
  // Nothing is shortened: each holds the whole of what it may cost.
  for (const verdict of verdicts) {
    if (verdict.kind === "admitted") expect(verdict.grantedNano).toBe(need);
    else
      expect(verdict).toMatchObject({
        kind: "over_budget",
        spentNano: 0n,
        heldNano: BigInt(admitted) * need,
      });
  }
});

test("the soft limit of one model counts what is held for that model", async () => {
  const one = open();
  const both = under(bucket(10n * CENT, 6n * CENT, { name: "model:m" }), bucket(100n * CENT, 6n * CENT));
  const verdicts = await Promise.all(Array.from({ length: 8 }, () => one.admit(nextId(), "ada", both)));
  expect(admittedOf(verdicts)).toBe(2);
  expect(verdicts[2]).toMatchObject({
    kind: "over_budget",
    bucket: { name: "model:m" },
    heldNano: 12n * CENT,
  });
  // Another model has all that the budget has left, and a refused call has held nothing of it.
  const other = under(bucket(100n * CENT, 44n * CENT));
  const others = await Promise.all(Array.from({ length: 8 }, () => one.admit(nextId(), "ada", other)));
  expect(admittedOf(others)).toBe(2);
});

test("a call that cost less than it held, or nothing, makes room for the next", async () => {
  const one = open();
  const limits = under(bucket(10n * CENT, 10n * CENT));
  const first = nextId();
  expect((await one.admit(first, "ada", limits)).kind).toBe("admitted");
  expect((await one.admit(nextId(), "ada", limits)).kind).toBe("over_budget");
  commit(one, "ada", { requestId: first, costNano: 9n * CENT });
  const second = nextId();
  expect(await one.admit(second, "ada", limits)).toMatchObject({ kind: "admitted", spentNano: 9n * CENT });
  one.release(second);
  const third = nextId();
  expect((await one.admit(third, "ada", limits)).kind).toBe("admitted");
  commit(one, "ada", { requestId: third, costNano: 10n * CENT });
  expect(await one.admit(nextId(), "ada", limits)).toMatchObject({
    kind: "over_budget",
    spentNano: 19n * CENT,
    heldNano: 0n,
  });
});

type Step =
  | { readonly kind: "ask"; readonly need: bigint; readonly least: bigint }
  | { readonly kind: "charge" | "release"; readonly pick: number; readonly share: number };

const amount = fc.bigInt({ min: 1n, max: 60n });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("ask" as const), need: amount, least: amount }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("charge" as const, "release" as const),
      pick: fc.nat(),
      share: fc.integer({ min: 0, max: 100 }),
    }),
  },
);

/** One limit as it is meant: what a call may hold, or null when it is refused. */
class Reference {
  spent = 0n;
  readonly held = new Map<string, bigint>();
  readonly max: bigint;
  readonly soft: boolean;

  constructor(max: bigint, soft: boolean) {
    this.max = max;
    this.soft = soft;
  }

  get sum(): bigint {
    return [...this.held.values()].reduce((sum, one) => sum + one, 0n);
  }

  ask(need: bigint, least: bigint): bigint | null {
    const free = this.max - this.spent - this.sum;
    if (this.soft) return free > 0n ? need : null;
    if (need <= free) return need;
    return least <= free ? free : null;
  }
}

test.each([true, false])(
  "whatever calls come, are charged and are given up, in any order (soft: %s)",
  async (soft) => {
    let customers = 0;
    const processes = [open(), open()];
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt({ min: 0n, max: 300n }),
        fc.array(step, { maxLength: 60 }),
        async (max, steps) => {
          const customerId = `customer-${soft}-${++customers}`;
          const owners = new Map<string, Admission>();
          const reference = new Reference(max, soft);
          for (const [at, one] of steps.entries()) {
            if (one.kind === "ask") {
              const requestId = nextId();
              const owner = processes[at % 2]!;
              const least = one.least < one.need ? one.least : one.need;
              const expected = reference.ask(one.need, least);
              const asked = under(bucket(max, one.need, { minNano: least, soft }));
              expect(await owner.admit(requestId, customerId, asked)).toMatchObject(
                expected === null
                  ? { kind: "over_budget", spentNano: reference.spent, heldNano: reference.sum }
                  : {
                      kind: "admitted",
                      grantedNano: expected,
                      spentNano: reference.spent,
                      heldNano: reference.sum,
                    },
              );
              if (expected === null) continue;
              if (soft) expect(reference.spent + reference.sum).toBeLessThan(max);
              reference.held.set(requestId, expected);
              owners.set(requestId, owner);
              continue;
            }
            const held = [...reference.held];
            const [requestId, hold] = held[one.pick % held.length] ?? [];
            if (requestId === undefined || hold === undefined) continue;
            const owner = owners.get(requestId)!;
            if (one.kind === "release") owner.release(requestId);
            else {
              const costNano = (hold * BigInt(one.share)) / 100n;
              commit(owner, customerId, { requestId, costNano });
              reference.spent += costNano;
            }
            reference.held.delete(requestId);
            // Told by one process, asked by the other: their words come over two connections.
            await owner.held([customerId]);
          }
        },
      ),
      { numRuns: 40 },
    );
  },
);
