import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../src/lib/ids.ts";
import type { Charge } from "../../src/spend/charge.ts";
import { Ledger } from "../../src/spend/ledger.ts";
import { createLedgerStore } from "../../src/spend/ledger-store.ts";
import { createSpool } from "../../src/spend/spool.ts";
import { verifyLedger } from "../../src/spend/verify-ledger.ts";
import { createVerifySource } from "../../src/spend/verify-store.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { ensureIndexes } from "../../src/store/indexes.ts";
import { LEDGER_OPTIONS, plainPlanner } from "../support/ledger-parts.ts";
import { openTestStore } from "../support/test-store.ts";

const newId = createIds();
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;
let folder: string;
let announced: string[];

beforeAll(async () => {
  server = await openTestStore();
});
afterAll(() => server.close());

beforeEach(async () => {
  store = connectStore({ url: server.url, database: newId("ledger"), appName: "test" });
  await ensureIndexes(store);
  folder = await mkdtemp(path.join(tmpdir(), "spool-"));
  announced = [];
  return async () => {
    await store.db.dropDatabase();
    await store.close();
    await rm(folder, { recursive: true });
  };
});

function openLedger(on: Store = store): Ledger {
  return new Ledger({
    store: createLedgerStore(on, LEDGER_OPTIONS),
    spool: createSpool(folder, newId),
    planner: plainPlanner(),
    committed: ({ deliveries }) => announced.push(...deliveries.map(({ _id }) => _id)),
    spooled: () => {},
    unspooled: () => {},
    isPrepared: () => true,
    pingStore: () => on.ping(500),
    log: quiet,
    now: () => new Date(),
  });
}

/** A store that nobody answers for. */
function absentStore(): Store {
  return connectStore({
    url: "mongodb://127.0.0.1:1/?directConnection=true",
    database: "x",
    appName: "test",
  });
}

function charge(customerId: string, costNano: bigint, requestId = newId("req")): Charge {
  return {
    requestId,
    customerId,
    occurredAt: new Date(),
    costNano,
    rates: null,
    model: "m",
    deploymentId: "d",
    upstreamModel: "u",
    usage: {
      promptTokens: 3,
      completionTokens: 2,
      totalTokens: 5,
      cachedTokens: 0,
      cacheWriteTokens: 0,
      reasoningTokens: 0,
    },
    estimated: false,
    keyHash: "k",
  };
}

async function expectBooked(charges: readonly Charge[]): Promise<void> {
  const report = await verifyLedger(createVerifySource(store));
  expect(report.differences).toEqual([]);
  expect(report.charges).toBe(charges.length);
  expect(report.totalNano).toBe(charges.reduce((sum, { costNano }) => sum + costNano, 0n));
}

test.each([1, 50])(
  "1,000 charges at once on %i customers are all booked, numbered without gap",
  async (customers) => {
    const ledger = openLedger();
    const charges = Array.from({ length: 1000 }, (_, i) => charge(`c${i % customers}`, BigInt(i * 7 + 1)));
    const receipts = await Promise.all(charges.map((one) => ledger.commit(one)));
    expect(receipts.every((receipt) => receipt.state === "committed")).toBe(true);
    await expectBooked(charges);
    const rows = await store.db
      .collection<{ sequence: bigint }>("events")
      .find({ customerId: "c0" })
      .sort({ sequence: 1 })
      .toArray();
    expect(rows.map((row) => Number(row.sequence))).toEqual(rows.map((_, i) => i + 1));
    expect(new Set(announced).size).toBe(1000);
  },
);

test("the receipt tells the customer's totals with this charge", async () => {
  const ledger = openLedger();
  await ledger.commit(charge("ada", 5n));
  expect(await ledger.commit(charge("ada", 7n))).toEqual({
    state: "committed",
    totals: { spendNano: 12n, lifetimeSpendNano: 12n, sequence: 2n },
  });
});

test("the same charge given twice, at once and later and by another process, is booked once", async () => {
  const [one, two] = [openLedger(), openLedger()];
  const same = charge("ada", 9n);
  const other = charge("ada", 1n);
  const receipts = await Promise.all([
    one.commit(same),
    one.commit(same),
    two.commit(same),
    two.commit(other),
  ]);
  expect(receipts.every((receipt) => receipt.state === "committed")).toBe(true);
  const again = await one.commit(same);
  await expectBooked([same, other]);
  const row = await createLedgerStore(store, LEDGER_OPTIONS).findRow(same.requestId);
  expect(again).toMatchObject({ state: "committed", totals: { sequence: row?.sequence } });
});

test("four processes on one hot customer lose nothing", async () => {
  const ledgers = Array.from({ length: 4 }, () => openLedger());
  const charges = Array.from({ length: 400 }, (_, i) => charge("hot", BigInt(i)));
  await Promise.all(charges.map((one, i) => ledgers[i % 4]!.commit(one)));
  // What took longer than its deadline was spooled, which is as good.
  await ledgers[0]?.replaySpool();
  await expectBooked(charges);
});

test("while the store is away charges are spooled, and booked once when it is back", async () => {
  const away = absentStore();
  const charges = Array.from({ length: 20 }, (_, i) => charge(`c${i % 3}`, BigInt(i + 1)));
  const absent = openLedger(away);
  const receipts = await Promise.all(charges.map((one) => absent.commit(one)));
  expect(new Set(receipts.map((receipt) => receipt.state))).toEqual(new Set(["spooled"]));
  expect(absent.storeUp).toBe(false);
  await expect(absent.replaySpool()).rejects.toThrow();
  await away.close();

  const [one, two] = [openLedger(), openLedger()];
  await Promise.all([one.replaySpool(), two.replaySpool()]);
  expect(await one.replaySpool()).toBe(0);
  await expectBooked(charges);
  expect(await readdir(folder)).toEqual([]);
});

test("a charge that was booked before its spool file was removed is not booked again", async () => {
  const ledger = openLedger();
  const spooled = [charge("ada", 3n), charge("bob", 4n)];
  await createSpool(folder, newId).append(spooled);
  for (const one of spooled.slice(0, 1)) await ledger.commit(one);
  await ledger.replaySpool();
  await expectBooked(spooled);
});

test("a charge that the store refuses for good is set aside on the disk, and holds up no other", async () => {
  const ledger = openLedger();
  const tooLarge = { ...charge("ada", 5n), model: "m".repeat(17_000_000) };
  const good = charge("bob", 3n);
  const receipts = await Promise.all([ledger.commit(tooLarge), ledger.commit(good)]);
  expect(receipts).toEqual([{ state: "spooled" }, { state: "spooled" }]);
  expect(ledger.storeUp).toBe(true);
  expect(await ledger.replaySpool()).toBe(1);
  await expectBooked([good]);
  const names = await readdir(folder);
  expect(names).toEqual([expect.stringMatching(/\.refused\.ndjson$/)]);
  expect(await readFile(path.join(folder, names[0] ?? ""), "utf8")).toContain(tooLarge.requestId);
  expect(await ledger.replaySpool()).toBe(0);
});

test("without store and disk the charge is refused by name", async () => {
  const away = absentStore();
  const ledger = new Ledger({
    store: createLedgerStore(away, LEDGER_OPTIONS),
    spool: createSpool(path.join(folder, "file", "below"), newId),
    planner: plainPlanner(),
    committed: () => {},
    spooled: () => {},
    unspooled: () => {},
    isPrepared: () => true,
    pingStore: () => away.ping(100),
    log: quiet,
    now: () => new Date(),
  });
  await writeFile(path.join(folder, "file"), "in the way");
  await expect(ledger.commit(charge("ada", 1n))).rejects.toMatchObject({ code: "ledger_unavailable" });
  await away.close();
});
