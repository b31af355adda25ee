import { Redis } from "ioredis";
import { beforeEach, expect, test } from "vitest";
import { DeliveryRig, type WorkerProcess } from "../support/delivery-rig.ts";
import { Gate, type Pattern } from "../support/gate.ts";
import { signalProcess } from "../support/process-tree.ts";
import type { Received, Receiver } from "../support/receiver.ts";
import { waitUntil } from "../support/wait-until.ts";

const ROUNDS = 50;
const MOST_WAITING = 100;
const PAUSE_MS = 40;
const HEALED_MS = 120_000;
const LONG = { timeout: 600_000 };

/** What a worker says to the store when it claims deliveries: it alone writes until when. */
const isClaim: Pattern = (bytes) => bytes.includes("\tuntil\0");
/** What it says when it records how attempts ended. */
const isRecord: Pattern = (bytes) => bytes.includes("$push\0") && !isClaim(bytes);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let rig: DeliveryRig;

async function startRig(endpointIds: readonly string[], settings: object = {}): Promise<void> {
  rig = await DeliveryRig.start(endpointIds, settings);
}
beforeEach(() => async () => {
  await rig.stop();
});

/** A worker that has started but is not heard by Redis, nor hears from it, before `begin`. */
class ReadyWorker {
  readonly store: Gate;
  readonly #redis: Gate;
  readonly #process: WorkerProcess;

  private constructor(store: Gate, redis: Gate) {
    this.store = store;
    this.#redis = redis;
    this.#process = rig.webhooks({ mongodbUrl: store.url, redisUrl: redis.url });
  }

  static async start(): Promise<ReadyWorker> {
    const worker = new ReadyWorker(
      await Gate.to(rig.mongodbUrl),
      await Gate.to(rig.redisUrl, { shut: true }),
    );
    await waitUntil("a worker to be ready", () => worker.#redis.used);
    return worker;
  }

  begin(): void {
    this.#redis.open();
  }

  async kill(): Promise<void> {
    await this.#process.kill();
    await Promise.all([this.store.close(), this.#redis.close()]);
  }
}

/** Charges of some customers of the endpoint `steady`: a hundred a second, and no more than are delivered. */
class SteadyLoad {
  #running = true;
  readonly #done = this.#run();

  async #run(): Promise<void> {
    const receiver = rig.receiver("steady");
    for (let turn = 0; this.#running; turn++) {
      await rig.commit(Array.from({ length: 5 }, (_, index) => `steady/${(turn + index) % 7}`));
      const committed = rig.events.length;
      const isRoom = (): boolean => !this.#running || committed - receiver.accepted.length < MOST_WAITING;
      await waitUntil("room", isRoom, LONG.timeout);
      await pause(PAUSE_MS);
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }
}

/** Resolves when the receiver has got an event that it does not answer; all others are answered. */
function holdOne(receiver: Receiver): Promise<Received> {
  return new Promise((resolve) => {
    receiver.reply = (received) => {
      receiver.reply = accept;
      resolve(received);
    };
  });
}

const accept: Receiver["reply"] = (_received, response) => {
  response.writeHead(204).end();
};

/** How many times an event has come to a receiver again. */
function duplicates(): number {
  return [...rig.receivers.values()].reduce((sum, { attempts }) => sum + attempts.length, -rig.events.length);
}

async function arrived(endpointId: string, events: number): Promise<void> {
  const { accepted } = rig.receiver(endpointId);
  await waitUntil(`${events} events`, () => accepted.length >= events, HEALED_MS);
}

/** The claims that began no later than this, each named after its delivery and its start, and when it lapses. */
async function claimsUpTo(before: Date): Promise<[string, Date][]> {
  const held = await rig.deliveries({ lease: { $ne: null } });
  return held.flatMap(({ _id, lease }): [string, Date][] =>
    lease !== null && lease.startedAt <= before
      ? [[`${_id} ${lease.startedAt.toISOString()}`, lease.until]]
      : [],
  );
}

/** Remembers when every claim lapses that is there for a second or longer. */
class ClaimWatch {
  readonly seen = new Map<string, Date>();
  #running = true;
  readonly #done = this.#run();

  async #run(): Promise<void> {
    while (this.#running) {
      for (const [claim, lapses] of await claimsUpTo(new Date())) this.seen.set(claim, lapses);
      await pause(500);
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }
}

/** The claims, each with the attempts of its delivery. */
async function historiesOf(claims: readonly string[]): Promise<string[]> {
  const rows = await rig.deliveries();
  return claims.map((claim) => {
    const attempts = rows.find(({ _id }) => claim.startsWith(`${_id} `))?.attempts ?? [];
    return `${claim}: ${attempts.map((one) => `${one.code} ${one.startedAt.toISOString()}`).join(", ")}`;
  });
}

async function isDelivered(): Promise<boolean> {
  return (await rig.deliveries()).every(({ state }) => state === "delivered");
}

/** Waits until every event has been accepted and recorded as delivered, and looks at what it took. */
async function expectAllDelivered(): Promise<void> {
  const receivers = [...rig.receivers.values()];
  await waitUntil(
    "every event at its receiver",
    () => {
      const accepted = new Set(receivers.flatMap((receiver) => receiver.accepted.map(({ id }) => id)));
      const missing = rig.events.filter((id) => !accepted.has(id));
      if (missing.length > 0) throw new Error(`${missing.length} of ${rig.events.length} are missing`);
      return true;
    },
    HEALED_MS,
  );
  await waitUntil(
    "every delivery to be recorded",
    async () => (await rig.deliveries({ state: "delivered", lease: null })).length === rig.events.length,
    HEALED_MS,
  );
  for (const receiver of receivers) {
    expect(receiver.invalid).toEqual([]);
    expect(receiver.changedDuplicates()).toEqual([]);
  }
  const times = Map.groupBy(
    receivers.flatMap((receiver) => receiver.attempts.map(({ id }) => id)),
    (id) => id,
  );
  for (const { eventId, attempts } of await rig.deliveries()) {
    // An event comes as often as its attempts say, at most.
    expect(times.get(eventId)?.length).toBeLessThanOrEqual(attempts.length);
    expect(attempts.map(({ number }) => number)).toEqual(attempts.map((_, index) => index + 1));
    expect(attempts.at(-1)?.outcome).toBe("delivered");
  }
}

// Setup     an endpoint that gets charges without pause, and one for each point at which a worker dies; a
//           gate between each worker and the store.
// Timeline  50 times: a worker begins; it has sent an event and waits for the answer; it has got an answer
//           and writes it down, but the store does not hear of it; it has claimed a delivery, but does not
//           hear of that; it is about to claim one; kill -9. The next worker begins.
// Proves    wherever a worker dies, no event is lost; what it had claimed is recorded as unknown and sent
//           again; only that comes twice, with the same id and bytes.
test("kill -9 of the webhook worker at four points, 50 times, loses no event", LONG, async () => {
  await startRig(["steady", "sent", "answered", "claimed", "unclaimed"]);
  rig.maintenance();
  const load = new SteadyLoad();
  // A dead worker's last words may reach the store after its end: a result may still be written down, or a claim
  // come to it. What is held when the next worker has worked for a while stays, until it lapses.
  const claims = new ClaimWatch();
  const left = new Set<string>();
  let died = new Date(0);
  let ready = ReadyWorker.start();
  for (let round = 1; round <= ROUNDS; round++) {
    const worker = await ready;
    ready = ReadyWorker.start();
    const { store } = worker;
    worker.begin();
    const answered = store.holdRequest((bytes) => isRecord(bytes) && bytes.includes("_answered\0"));
    const sent = holdOne(rig.receiver("sent"));
    await rig.commit(["answered/a", "sent/a"]);
    await Promise.all([answered, sent]);
    const claimed = store.holdAnswer((bytes) => isClaim(bytes) && bytes.includes("_claimed\0"));
    await rig.commit(["claimed/a"]);
    await claimed;
    const unclaimed = store.holdRequest((bytes) => isClaim(bytes) && bytes.includes("_unclaimed\0"));
    await rig.commit(["unclaimed/a"]);
    await unclaimed;
    for (const [claim] of await claimsUpTo(died)) left.add(claim);
    await worker.kill();
    died = new Date();
  }
  await load.stop();
  (await ready).begin();

  await expectAllDelivered();
  await claims.stop();
  const unknown = (await rig.deliveries()).flatMap(({ _id, attempts }) =>
    attempts.flatMap(({ outcome, startedAt, code }, index) => {
      const claim = `${_id} ${startedAt.toISOString()}`;
      return outcome === "unknown" ? [{ claim, code, again: attempts[index + 1]?.startedAt }] : [];
    }),
  );
  const told = new Set(unknown.map(({ claim }) => claim));
  expect(await historiesOf([...left].filter((claim) => !told.has(claim)))).toEqual([]);
  expect(await historiesOf([...told].filter((claim) => !claims.seen.has(claim)))).toEqual([]);
  // Who may be alive is not taken for dead: a claim is taken over when it has lapsed, and no sooner.
  const isTakenTooSoon = ({ claim, again }: (typeof unknown)[number]): boolean => {
    const lapses = claims.seen.get(claim);
    return lapses === undefined || again === undefined || again <= lapses;
  };
  expect(unknown.filter(isTakenTooSoon)).toEqual([]);
  expect(unknown.filter(({ code }) => code !== "worker_lost")).toEqual([]);
  expect(unknown.length).toBeGreaterThanOrEqual(3 * ROUNDS);
  expect(duplicates()).toBeGreaterThanOrEqual(2 * ROUNDS);
  expect(duplicates()).toBeLessThanOrEqual(unknown.length);
});

// Setup     charges without pause.
// Timeline  five times: some events arrive; FLUSHALL.
// Proves    what Redis has forgotten is found in the store.
test("a Redis that is wiped again and again under load loses no event", LONG, async () => {
  await startRig(["steady"]);
  rig.maintenance();
  rig.webhooks();
  const load = new SteadyLoad();
  const redis = new Redis(rig.redisUrl);
  for (let wipe = 1; wipe <= 5; wipe++) {
    await arrived("steady", wipe * 60);
    await redis.flushall();
  }
  redis.disconnect();
  await load.stop();

  await expectAllDelivered();
  expect(duplicates()).toBe(0);
});

// Timeline  Redis hangs; 60 charges; all arrive; Redis goes on.
// Proves    charges are committed without it, and a worker that hears nothing finds their events by itself.
test("events arrive while Redis hangs", LONG, async () => {
  await startRig(["steady"]);
  rig.maintenance();
  rig.webhooks();
  await rig.commit(["steady/a", "steady/b"]);
  await arrived("steady", 2);
  signalProcess(rig.redisPid, "SIGSTOP");
  for (let turn = 1; turn <= 20; turn++) await rig.commit(["steady/a", "steady/b", "steady/c"]);

  try {
    await expectAllDelivered();
  } finally {
    signalProcess(rig.redisPid, "SIGCONT");
  }
  expect(duplicates()).toBe(0);
});

// Setup     two workers, and no sweep until the end.
// Timeline  the first one has sent an event and waits for the answer; it is told to stop; 30 charges, one by one.
// Proves    who stops takes no wake-ups that it will not follow: the second one delivers all of them meanwhile.
test("a worker that stops leaves new events to the others", LONG, async () => {
  await startRig(["steady", "sent"]);
  const first = rig.webhooks();
  const { promise: letGo, resolve: answer } = Promise.withResolvers<void>();
  const { promise: waits, resolve: isSent } = Promise.withResolvers<void>();
  rig.receiver("sent").reply = (received, response) => {
    isSent();
    void letGo.then(() => accept(received, response));
  };
  await rig.commit(["sent/a"]);
  await waits;
  rig.webhooks();
  const stopped = first.stop();
  const ids: string[] = [];
  for (let turn = 0; turn < 30; turn++) {
    ids.push(...(await rig.commit(["steady/a"])));
    await pause(PAUSE_MS);
  }
  // The second one is kept from looking in the store by itself: it hears of something all the time.
  const arrivedAll = new AbortController();
  const others = (async (): Promise<void> => {
    while (!arrivedAll.signal.aborted) {
      await rig.commit(["steady/b"]);
      await pause(PAUSE_MS);
    }
  })();
  try {
    const { accepted } = rig.receiver("steady");
    await waitUntil("all thirty", () => ids.every((id) => accepted.some((event) => event.id === id)));
  } finally {
    arrivedAll.abort();
    await others;
  }
  answer();
  expect(await stopped).toEqual({ code: 0, signal: null });
  rig.maintenance();
  await waitUntil("every delivery to be recorded", isDelivered, HEALED_MS);
});

// Timeline  an event arrives; Redis hangs, or is gone; the workers are told to stop.
// Proves    they end by themselves, without a word from Redis; what had not been sent is not lost.
test.each(["SIGSTOP", "SIGKILL"] as const)("workers stop while Redis is away: %s", LONG, async (signal) => {
  await startRig(["steady"]);
  const workers = [rig.maintenance(), rig.webhooks()];
  await rig.commit(["steady/a"]);
  await waitUntil("the delivery to be recorded", isDelivered);
  signalProcess(rig.redisPid, signal);
  await rig.commit(["steady/a"]);
  expect(await Promise.all(workers.map((worker) => worker.stop()))).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  signalProcess(rig.redisPid, "SIGCONT");
  expect(await rig.deliveries({ state: "pending" })).toHaveLength(1);
});

// Setup     a receiver that is down; a breaker that opens for one second first, then longer and longer.
// Timeline  200 charges; the breaker opens three times; the receiver comes up.
// Proves    what the breaker holds back is not lost, and is not tried more often than the schedule allows.
test("events wait for a receiver that is away longer than its breaker is open", LONG, async () => {
  await startRig(["steady"], { breaker_seconds: 1, retry_seconds: Array.from({ length: 20 }, () => 1) });
  rig.maintenance();
  rig.webhooks();
  await rig.receiver("steady").close();
  for (let turn = 1; turn <= 20; turn++) {
    await rig.commit(Array.from({ length: 10 }, (_, index) => `steady/${index}`));
  }
  await waitUntil("the breaker to have opened three times", async () => {
    const endpoint = await rig.store.collections.endpoints.findOne({ _id: "steady" });
    return (endpoint?.breaker.opens ?? 0) >= 3;
  });
  await rig.receiver("steady").open();

  await expectAllDelivered();
  expect(duplicates()).toBe(0);
});

// Setup     two workers, one after the other.
// Timeline  the first one has sent an event and is stopped before the answer; its claim lapses; the second
//           one sends the event again, and it is accepted; now the first is answered 500, and goes on.
// Proves    a late result changes nothing, and who was late works on.
test("a worker that wakes up after its claim has lapsed writes nothing", LONG, async () => {
  await startRig(["steady"]);
  rig.maintenance();
  const store = await Gate.to(rig.mongodbUrl);
  const late = rig.webhooks({ mongodbUrl: store.url });
  const receiver = rig.receiver("steady");
  const answers: (() => void)[] = [];
  receiver.reply = (_received, response) => {
    answers.push(() => response.writeHead(500).end());
    receiver.reply = accept;
  };
  await rig.commit(["steady/a"]);
  await waitUntil("the event", () => answers.length === 1);
  late.signal("SIGSTOP");
  const second = rig.webhooks();
  await waitUntil("the second worker's delivery", async () => isDelivered(), HEALED_MS);
  const before = await rig.deliveries();
  expect(before[0]?.attempts.map(({ outcome }) => outcome)).toEqual(["unknown", "delivered"]);
  await second.kill();

  const recorded = store.answered(isRecord);
  for (const answer of answers) answer();
  late.signal("SIGCONT");
  await recorded;
  expect(await rig.deliveries()).toEqual(before);
  await rig.commit(["steady/a"]);
  await expectAllDelivered();
  await late.kill();
  await store.close();
});

// Timeline  the first worker is stopped when it knows what to send, before it sends it; its claim lapses; the
//           second one sends the event; the first goes on.
// Proves    who was late does not send what another has sent.
test("a worker that wakes up after its claim has lapsed sends nothing", LONG, async () => {
  await startRig(["steady"]);
  rig.maintenance();
  const store = await Gate.to(rig.mongodbUrl);
  const late = rig.webhooks({ mongodbUrl: store.url });
  const bodies = store.holdAnswer((bytes) => bytes.includes("events\0") && bytes.includes("body\0"));
  await rig.commit(["steady/a"]);
  const letGo = await bodies;
  late.signal("SIGSTOP");
  letGo();
  const second = rig.webhooks();
  await waitUntil("the second worker's delivery", async () => isDelivered(), HEALED_MS);
  await second.kill();
  late.signal("SIGCONT");

  await rig.commit(["steady/a"]);
  await expectAllDelivered();
  expect(duplicates()).toBe(0);
  await late.kill();
  await store.close();
});
