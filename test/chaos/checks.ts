import { readdirSync } from "node:fs";
import path from "node:path";
import { Redis } from "ioredis";
import { describeDeliveries } from "../support/describe-deliveries.ts";
import { costNano, usdText } from "../support/fake-upstream.ts";
import { type LedgerRow, readLedger } from "../support/ledger-rows.ts";
import { oneTo } from "../support/receiver.ts";
import { runVerify } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";
import { LONGEST_ANSWER, MOST_WORDS, PAID_NANO } from "./billing-upstream.ts";
import { roleOf } from "./cast.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

/** A promise and where it was not kept; kept when the list is empty. */
export interface Kept {
  readonly promise: string;
  readonly faults: readonly string[];
}

/** Longer than a dead process's holds, a dead worker's claim and a pass of the sweep. */
const HEALED_MS = 150_000;
const MOST_SHOWN = 5;
/** No prompt of a schedule has more tokens than this. */
const LONGEST_PROMPT = 20_000;

/** Compares what the service has written down with what its clients, its upstream and its receiver have seen. */
export async function checkAll(world: World, witness: Witness): Promise<Kept[]> {
  const spool = await checkSpool(world);
  const rows = await readLedger(world.stack.mongodbUrl);
  return [
    spool,
    checkReceipts(rows, witness),
    checkBill(rows, world),
    checkEstimates(rows, world),
    checkCaps(rows, witness),
    checkSequences(rows),
    await checkSpends(rows, world),
    await checkHolds(world),
    await checkDeliveries(rows, world),
    await checkVerify(world),
  ];
}

async function checkSpool({ stack, second }: World): Promise<Kept> {
  const folders = [stack.dataDir, second.dataDir].map((folder) => path.join(folder, "spool"));
  const waiting = (): string[] => folders.flatMap((folder) => filesOf(folder));
  const faults = await inTime(() => waiting().length === 0, waiting);
  return { promise: "no charge is left in a spool", faults };
}

function filesOf(folder: string): string[] {
  try {
    // Waiting, refused or set aside; what a kill left half-written was never acknowledged, and the reserve is no charge.
    return readdirSync(folder).filter((name) => name.endsWith(".ndjson"));
  } catch {
    // Nothing was ever spooled.
    return [];
  }
}

function checkReceipts(rows: readonly LedgerRow[], { paid }: Witness): Kept {
  const byRequest = Map.groupBy(rows, ({ requestId }) => requestId);
  const faults = paid.flatMap(({ requestId, customerId, nano }) => {
    const found = byRequest.get(requestId) ?? [];
    const [row] = found;
    if (found.length === 1 && row?.costNano === nano && row.customerId === customerId) return [];
    const costs = found.map((one) => `${usdText(one.costNano)} to ${one.customerId}`).join(", ");
    return [
      `${requestId} of ${customerId} for ${usdText(nano)} is in the ledger ${found.length} times: ${costs}`,
    ];
  });
  return { promise: "each answer that came to its last byte is charged once, at its exact cost", faults };
}

function checkBill(rows: readonly LedgerRow[], { upstream }: World): Kept {
  const counted = rows.filter(({ estimated }) => !estimated);
  const seen = new Set<number>();
  const faults = counted.flatMap((row) => {
    const number = row.usage.promptTokens;
    const billed = upstream.billed.get(number);
    const isTwice = seen.has(number);
    seen.add(number);
    if (isTwice) return [`answer ${number} of the upstream is charged twice, also as ${row._id}`];
    if (billed?.customerId === row.customerId && billed.nano === row.costNano) return [];
    const truth = billed === undefined ? "not at all" : `${usdText(billed.nano)} for ${billed.customerId}`;
    return [`${row._id} charges ${row.customerId} ${usdText(row.costNano)}; the upstream billed ${truth}`];
  });
  return { promise: "nothing is charged that the upstream did not bill, and nothing twice", faults };
}

/** What was cut is charged by estimate. */
function checkEstimates(rows: readonly LedgerRow[], { upstream }: World): Kept {
  const most = (model: string): bigint =>
    model === "paid"
      ? BigInt(MOST_WORDS + 1) * PAID_NANO
      : costNano({ prompt: LONGEST_PROMPT, completion: LONGEST_ANSWER });
  const faults: string[] = [];
  for (const [customerId, own] of Map.groupBy(rows, (row) => row.customerId)) {
    const requests = upstream.served.get(customerId) ?? 0;
    if (own.length > requests) {
      faults.push(`${customerId} has ${own.length} charges, and the upstream had ${requests} requests`);
    }
    for (const row of own.filter(({ estimated }) => estimated)) {
      const { model } = JSON.parse(row.body) as { model: string };
      if (row.costNano > most(model)) faults.push(`${row._id} of ${customerId}: ${usdText(row.costNano)}`);
    }
  }
  return {
    promise: "there are no more charges than requests, and estimates are within their bounds",
    faults,
  };
}

/** In soft mode the last call may pass the limit. */
function checkCaps(rows: readonly LedgerRow[], witness: Witness): Kept {
  const faults: string[] = [];
  for (const [customerId, own] of Map.groupBy(rows, (row) => row.customerId)) {
    const cap = witness.capOf(customerId);
    if (cap === null) continue;
    const slack = roleOf(customerId) === "soft" ? BigInt(LONGEST_ANSWER) * PAID_NANO : 0n;
    const sum = own.reduce((total, { costNano }) => total + costNano, 0n);
    if (sum <= cap + slack) continue;
    const last = own.toSorted((a, b) => Number(b.sequence - a.sequence)).slice(0, MOST_SHOWN);
    const calls = last.map(
      ({ requestId, costNano, estimated }) =>
        `${usdText(costNano)}${estimated ? " estimated" : ""} in round ${witness.rounds.get(requestId) ?? "?"}`,
    );
    faults.push(`${customerId} was charged ${usdText(sum)} on ${usdText(cap)}; last ${calls.join(", ")}`);
  }
  return { promise: "no budget is passed", faults };
}

function checkSequences(rows: readonly LedgerRow[]): Kept {
  const faults: string[] = [];
  for (const [customerId, own] of Map.groupBy(rows, (row) => row.customerId)) {
    const numbers = own.map(({ sequence }) => Number(sequence)).sort((a, b) => a - b);
    const at = numbers.findIndex((number, index) => number !== index + 1);
    if (at >= 0) faults.push(`${customerId} has ${numbers[at]} where ${at + 1} should be`);
  }
  return { promise: "a customer's charges are numbered 1 to n", faults };
}

async function checkSpends(rows: readonly LedgerRow[], { stack }: World): Promise<Kept> {
  const faults: string[] = [];
  for (const [customerId, own] of Map.groupBy(rows, (row) => row.customerId)) {
    const answer = await stack.fetch(`/customer/info?end_user_id=${encodeURIComponent(customerId)}`);
    const { spend, sequence } = (await answer.json()) as { spend: number; sequence: number };
    const sum = usdText(own.reduce((total, { costNano }) => total + costNano, 0n));
    if (spend !== Number(sum) || sequence !== own.length) {
      faults.push(
        `${customerId} has spent ${spend} in ${sequence} charges; the ledger says ${sum} in ${own.length}`,
      );
    }
  }
  return { promise: "a customer's spend is the sum of its charges", faults };
}

/** By Redis itself, with its own clock: a hold that has run out is none. */
async function checkHolds({ stack }: World): Promise<Kept> {
  const redis = new Redis(stack.redisUrl);
  try {
    const held = async (): Promise<string[]> => {
      const now = Number((await redis.time())[0]) * 1000;
      const keys = await redis.keys("spendhook:*:holds");
      const counts = await Promise.all(keys.map((key) => redis.zcount(key, `(${now}`, "+inf")));
      return keys.flatMap((key, index) => (counts[index] === 0 ? [] : [`${counts[index]} holds in ${key}`]));
    };
    const faults = await inTime(async () => (await held()).length === 0, held);
    return { promise: "nothing is held when no call is in flight", faults };
  } finally {
    redis.disconnect();
  }
}

async function checkDeliveries(rows: readonly LedgerRow[], { stack, receiver }: World): Promise<Kept> {
  const promise = "every charge is delivered, signed, unchanged and in number";
  const missing = (): string[] => {
    const accepted = new Set(receiver.accepted.map(({ id }) => id));
    return rows.map(({ _id }) => _id).filter((id) => !accepted.has(id));
  };
  const faults = await inTime(() => missing().length === 0, missing);
  if (faults.length > 0) {
    return { promise, faults: [`${faults.length} are missing: ${await describeDeliveries(stack, faults)}`] };
  }
  const bodies = new Map(rows.map((row) => [row._id, row.body]));
  const charges = receiver.accepted.filter(({ body }) => body.includes('"spend_tracked"'));
  faults.push(
    ...receiver.invalid,
    ...receiver.changedDuplicates().map((id) => `${id} came with different bytes`),
    ...charges
      .filter(({ id, body }) => bodies.get(id) !== body)
      .map(({ id }) => `${id} is not in the ledger`),
  );
  for (const [customerId, own] of Map.groupBy(charges, (charge) => charge.customerId)) {
    const numbers = [...new Set(own.map(({ sequence }) => sequence))].sort((a, b) => a - b);
    if (numbers.join() !== oneTo(numbers.length).join())
      faults.push(`${customerId} was told ${numbers.join()}`);
  }
  return { promise, faults };
}

async function checkVerify({ stack }: World): Promise<Kept> {
  const { code, output } = await runVerify(stack.dataDir);
  return { promise: "verify finds no difference", faults: code === 0 ? [] : [`exit ${code}: ${output}`] };
}

/** Nothing as soon as the condition holds, else what `left` names after a long wait. */
async function inTime(
  condition: () => boolean | Promise<boolean>,
  left: () => string[] | Promise<string[]>,
): Promise<string[]> {
  try {
    await waitUntil("what heals by itself", condition, HEALED_MS);
    return [];
  } catch {
    return left();
  }
}

/** A promise's faults, not all of them when there are many. */
export function shownFaults({ faults }: Kept): string[] {
  const more = faults.length - MOST_SHOWN;
  return more > 0 ? [...faults.slice(0, MOST_SHOWN), `and ${more} more`] : [...faults];
}
