import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../src/lib/ids.ts";
import type { Charge } from "../../src/spend/charge.ts";
import { encodeCharge } from "../../src/spend/charge-json.ts";
import { Ledger } from "../../src/spend/ledger.ts";
import { createLedgerStore } from "../../src/spend/ledger-store.ts";
import { createSpool } from "../../src/spend/spool.ts";
import { surveySpool } from "../../src/spend/spool-files.ts";
import { verifyLedger } from "../../src/spend/verify-ledger.ts";
import { createVerifySource } from "../../src/spend/verify-store.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { ensureIndexes } from "../../src/store/indexes.ts";
import { LEDGER_OPTIONS, plainPlanner } from "../support/ledger-parts.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { openTestStore } from "../support/test-store.ts";

const newId = createIds();
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;
let folder: string;
let logged: string[];
/** Request ids that the ledger has said to wait, and not yet to wait no longer. */
let waiting: Set<string>;

beforeAll(async () => {
  server = await openTestStore();
});
afterAll(() => server.close());

beforeEach(async () => {
  store = connectStore({ url: server.url, database: newId("spool"), appName: "test" });
  await ensureIndexes(store);
  folder = await mkdtemp(path.join(tmpdir(), "spool-"));
  logged = [];
  waiting = new Set();
  return async () => {
    await store.db.dropDatabase();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  };
});

function openLedger(options: { spoolFolder?: string; isPrepared?: () => boolean } = {}): Ledger {
  const { spoolFolder = folder, isPrepared = () => true } = options;
  const record = (fields: object, message: string): void => {
    logged.push(`${message} ${JSON.stringify(fields)}`);
  };
  return new Ledger({
    store: createLedgerStore(store, LEDGER_OPTIONS),
    spool: createSpool(spoolFolder, newId),
    planner: plainPlanner(),
    committed: () => {},
    spooled: (charges) => charges.forEach(({ requestId }) => waiting.add(requestId)),
    unspooled: (charges) => charges.forEach(({ requestId }) => waiting.delete(requestId)),
    isPrepared,
    pingStore: () => store.ping(5000),
    log: { debug: () => {}, info: record, warn: record, error: record },
    now: () => new Date(),
  });
}

function charge(costNano: bigint): Charge {
  const usage = { promptTokens: 3, completionTokens: 2, totalTokens: 5 };
  return {
    requestId: newId("req"),
    customerId: "ada",
    occurredAt: new Date(),
    costNano,
    rates: null,
    model: "m",
    deploymentId: "d",
    upstreamModel: "u",
    usage: { ...usage, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
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

const lines = (...parts: (Charge | string)[]): string =>
  parts.map((part) => `${typeof part === "string" ? part : encodeCharge(part)}\n`).join("");
const put = (name: string, content: string | Buffer): Promise<void> =>
  writeFile(path.join(folder, name), content);

/** What is left of the folder, beside the reserve. */
async function left(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name !== "reserve").sort();
}

const torn = (one: Charge): string => encodeCharge(one).slice(0, 100);

test.each<[string, string | Buffer]>([
  ["a line that is no charge", "not a charge\n"],
  ["a charge of a shape that nobody knows", `${JSON.stringify({ v: 2 })}\n`],
  ["a last line that is torn", torn(charge(1n))],
  ["NUL bytes, as a power cut leaves them", Buffer.alloc(4096)],
  ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x0a])],
])("%s holds back itself and nothing else: it is kept for a person, and told", async (_, bad) => {
  const [before, after, other] = [charge(3n), charge(5n), charge(7n)];
  const damaged = Buffer.concat([Buffer.from(lines(before, after)), Buffer.from(bad)]);
  await put("spool_0.charges.ndjson", damaged);
  await put("spool_1.charges.ndjson", lines(other));
  const ledger = openLedger();
  await ledger.recall();
  expect(ledger.spoolState).toMatchObject({ charges: 3, setAside: 1 });

  expect(await ledger.replaySpool()).toBe(3);
  await expectBooked([before, after, other]);
  expect(await left()).toEqual(["spool_0.unread.ndjson"]);
  const kept = await readFile(path.join(folder, "spool_0.unread.ndjson"));
  expect(kept.includes(Buffer.from(bad).subarray(0, -1))).toBe(true);
  expect(logged.filter((line) => line.startsWith("ledger.lines_set_aside"))).toHaveLength(1);
  await ledger.tend();
  expect(ledger.spoolState).toMatchObject({ charges: 0, setAside: 1 });
});

test("a bad line in the middle, and a file that is empty, are set aside as well", async () => {
  const [before, after] = [charge(3n), charge(5n)];
  await put("spool_0.charges.ndjson", lines(before, "{", after));
  await put("spool_1.charges.ndjson", "");
  const ledger = openLedger();
  expect(await ledger.replaySpool()).toBe(2);
  await expectBooked([before, after]);
  expect(await left()).toEqual(["spool_0.unread.ndjson", "spool_1.unread.ndjson"]);
  await ledger.recall();
  expect(ledger.spoolState).toMatchObject({ charges: 0, setAside: 2 });
});

test("a file that cannot be read at all is told once, counted, and holds up no other", async () => {
  await mkdir(path.join(folder, "spool_0.charges.ndjson"), { recursive: true });
  const good = charge(3n);
  await put("spool_1.charges.ndjson", lines(good));
  const ledger = openLedger();
  await ledger.recall();
  for (let again = 0; again < 3; again++) {
    await ledger.replaySpool();
    await ledger.tend();
  }
  await expectBooked([good]);
  expect(ledger.spoolState).toMatchObject({ charges: 0, setAside: 1 });
  expect(logged.filter((line) => /spool_file_unreadable|replay_failed/.test(line))).toHaveLength(1);
});

test("what a verifier finds: what waits with its sum, and by name what no replay will book", async () => {
  await put("spool_0.charges.ndjson", lines(charge(3n), charge(5n)));
  expect(await surveySpool(folder)).toEqual({ charges: 2, totalNano: 8n, faults: [] });
  await put("spool_1.charges.ndjson", `${lines(charge(7n))}${torn(charge(1n))}`);
  await put("spool_2.refused.ndjson", lines(charge(11n)));
  await put("spool_3.unread.ndjson", "a\nb\n");
  await mkdir(path.join(folder, "spool_4.charges.ndjson"));
  const { charges, totalNano, faults } = await surveySpool(folder);
  expect({ charges, totalNano }).toEqual({ charges: 3, totalNano: 15n });
  expect(faults).toEqual([
    expect.stringContaining("spool_1.charges.ndjson: 1 of its lines"),
    expect.stringContaining("spool_4.charges.ndjson cannot be read (EISDIR)"),
    expect.stringContaining("spool_2.refused.ndjson: 1 charges"),
    expect.stringContaining("spool_3.unread.ndjson: 2 lines"),
  ]);
  expect(await surveySpool(path.join(folder, "none"))).toEqual({ charges: 0, totalNano: 0n, faults: [] });
});

test("what waited before the start is known before the store answers, and forgotten once it is booked", async () => {
  const [one, two] = [charge(3n), charge(5n)];
  await createSpool(folder, newId).append([one, two]);
  const unprepared = openLedger({ isPrepared: () => false });
  await unprepared.recall();
  expect(waiting).toEqual(new Set([one.requestId, two.requestId]));
  await unprepared.replaySpool();
  expect(waiting.size).toBe(0);
});

test("two processes on one folder know of each other's charges, and each is booked once", async () => {
  const [here, there] = [openLedger({ isPrepared: () => false }), openLedger()];
  await Promise.all([here.recall(), there.recall()]);
  const spooled = [charge(3n), charge(5n)];
  await Promise.all(spooled.map((one) => here.commit(one)));
  await there.tend();
  expect(there.spoolState.charges).toBe(2);
  await Promise.all([here.replaySpool(), there.replaySpool()]);
  await Promise.all([here.tend(), there.tend()]);
  expect([here.spoolState.charges, there.spoolState.charges]).toEqual([0, 0]);
  expect(waiting.size).toBe(0);
  await expectBooked(spooled);
});

test("what a crash left half written is removed, what is being written is not", async () => {
  await put("spool_0.charges.ndjson.partial", torn(charge(1n)));
  await utimes(path.join(folder, "spool_0.charges.ndjson.partial"), 1, 1);
  await put("spool_1.charges.ndjson.partial", torn(charge(1n)));
  const ledger = openLedger();
  await ledger.recall();
  expect(await left()).toEqual(["spool_1.charges.ndjson.partial"]);
});

test("a folder that is removed is made again", async () => {
  const ledger = openLedger({ isPrepared: () => false });
  await ledger.recall();
  await rm(folder, { recursive: true });
  expect(await ledger.commit(charge(3n))).toEqual({ state: "spooled" });
  await ledger.tend();
  await ledger.requireRecordable();
});

test("a disk that becomes full still takes the charges of the calls in flight; new ones are refused until it has room", async () => {
  using disk = new SmallDisk(24);
  const spoolFolder = path.join(disk.folder, "spool");
  const ledger = openLedger({ spoolFolder, isPrepared: () => false });
  await ledger.recall();
  await ledger.requireRecordable();
  disk.fill();
  await ledger.tend();
  // There is no room, and the reserve is whole: a charge could be taken.
  await ledger.requireRecordable();

  const charges: Charge[] = [];
  const isRefused = async (): Promise<boolean> =>
    ledger.requireRecordable().then(
      () => false,
      (error: { code?: string }) => error.code === "ledger_unavailable",
    );
  while (!(await isRefused())) {
    const batch = Array.from({ length: 50 }, () => ({ ...charge(3n), upstreamModel: "u".repeat(8000) }));
    charges.push(...batch);
    await Promise.all(batch.map((one) => ledger.commit(one)));
    // Whoever else writes to this disk takes what it can get.
    disk.fill();
  }
  expect(ledger.spoolState.problem).toBe("the disk is full");
  // Those that were in flight by then: each one ends alone.
  for (let calls = 0; calls < 200; calls++) {
    charges.push(charge(5n));
    expect(await ledger.commit(charges.at(-1)!)).toEqual({ state: "spooled" });
    disk.fill();
  }

  disk.free();
  await ledger.tend();
  await ledger.requireRecordable();
  const booking = openLedger({ spoolFolder });
  expect(await booking.replaySpool()).toBe(charges.length);
  await expectBooked(charges);
  expect((await readdir(spoolFolder)).sort()).toEqual(["reserve"]);
});

test("a disk that takes nothing at all leaves no half-written file behind, and refuses", async () => {
  using disk = new SmallDisk(4);
  const spoolFolder = path.join(disk.folder, "spool");
  const ledger = openLedger({ spoolFolder, isPrepared: () => false });
  disk.fill();
  await ledger.recall();
  await expect(ledger.requireRecordable()).rejects.toMatchObject({
    code: "ledger_unavailable",
    headers: { "retry-after": expect.stringMatching(/^\d+$/) },
  });
  await expect(ledger.commit(charge(3n))).rejects.toMatchObject({ code: "ledger_unavailable" });
  expect((await readdir(spoolFolder)).filter((name) => name.includes("partial"))).toEqual([]);
});

test("a disk that has become read-only refuses, and is used again when it can be written", async () => {
  using disk = new SmallDisk(24);
  const spoolFolder = path.join(disk.folder, "spool");
  const ledger = openLedger({ spoolFolder, isPrepared: () => false });
  await ledger.recall();
  await ledger.requireRecordable();
  disk.setReadOnly(true);
  await ledger.tend();
  await expect(ledger.requireRecordable()).rejects.toMatchObject({ code: "ledger_unavailable" });
  await expect(ledger.commit(charge(3n))).rejects.toMatchObject({ code: "ledger_unavailable" });
  await ledger.tend();
  expect(ledger.spoolState.problem).toBe("EROFS");
  disk.setReadOnly(false);
  await ledger.tend();
  await ledger.requireRecordable();
  expect(await ledger.commit(charge(3n))).toEqual({ state: "spooled" });
  expect(logged.map((line) => line.split(" ")[0])).toEqual([
    "ledger.spool_unusable",
    "ledger.unavailable",
    "ledger.spool_recovered",
    "ledger.spooled",
  ]);
});

// Setup     a folder with as many files as an hour's outage may leave, and a beat beside it.
// Proves    a look at it never keeps others waiting for long, and knows what has come and gone.
test("a look at very many files is taken in turns with others", { timeout: 300_000 }, async () => {
  const FILES = 10_000;
  const first = charge(1n);
  await writeFile(path.join(folder, "spool_00000000.charges.ndjson"), `${encodeCharge(first)}\n`);
  for (let from = 1; from < FILES; from += 500) {
    const numbers = Array.from({ length: Math.min(500, FILES - from) }, (_, index) => from + index);
    await Promise.all(
      numbers.map((number) => {
        const name = `spool_${String(number).padStart(8, "0")}.charges.ndjson`;
        return writeFile(path.join(folder, name), `${encodeCharge(charge(1n))}\n`);
      }),
    );
  }
  const ledger = openLedger();
  await ledger.tend();
  expect(ledger.spoolState.charges).toBe(FILES);
  let beats = 0;
  const beat = setInterval(() => beats++, 1);
  await rm(path.join(folder, "spool_00000000.charges.ndjson"));
  await ledger.tend();
  clearInterval(beat);
  // In one piece there would be none.
  expect(beats).toBeGreaterThan(0);
  expect(ledger.spoolState.charges).toBe(FILES - 1);
  expect([waiting.size, waiting.has(first.requestId)]).toEqual([FILES - 1, false]);
});
