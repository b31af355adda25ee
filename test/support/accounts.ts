import { expect } from "vitest";
import { type LedgerRow, readLedger } from "./ledger-rows.ts";
import type { Paid } from "./load.ts";
import { oneTo } from "./receiver.ts";
import { describeDeliveries } from "./describe-deliveries.ts";
import type { Scene } from "./scene.ts";
import { runVerify, type Stack } from "./stack.ts";
import { waitUntil } from "./wait-until.ts";

/** Longer than a dead worker's claim on a delivery and a pass of the sweep. */
const HEALED_MS = 120_000;

/**
 * Waits until the ledger has every paid call, then compares: each paid call is there once at its exact
 * cost, and no answer of the upstream (told apart by its prompt tokens) was charged twice.
 */
export async function expectChargedOnce(stack: Stack, paid: readonly Paid[]): Promise<LedgerRow[]> {
  const rows = await waitUntil("every paid call in the ledger", async () => {
    const found = await readLedger(stack.mongodbUrl);
    const known = new Set(found.map(({ requestId }) => requestId));
    const missing = paid.filter(({ requestId }) => !known.has(requestId));
    if (missing.length > 0) throw new Error(`${missing.length} of ${paid.length} are missing`);
    return found;
  });
  const byRequest = Map.groupBy(rows, ({ requestId }) => requestId);
  const wrong = paid.filter((call) => {
    const found = byRequest.get(call.requestId) ?? [];
    const [row] = found;
    return found.length !== 1 || row?.costNano !== call.nano || row.customerId !== call.customerId;
  });
  expect(wrong).toEqual([]);
  const counted = rows.filter((row) => !row.estimated);
  expect(new Set(counted.map(({ usage }) => usage.promptTokens)).size).toBe(counted.length);
  return rows;
}

/**
 * Waits until the receiver has accepted every charge, then compares: signed, numbered 1..n per customer,
 * and a duplicate has the same id and the same bytes. What is missing after a long wait is told with all that
 * the service knows of it.
 */
export async function expectDelivered(
  { stack, receiver }: Pick<Scene, "stack" | "receiver">,
  rows: readonly LedgerRow[],
): Promise<void> {
  const missing = (): string[] => {
    const accepted = new Set(receiver.accepted.map(({ id }) => id));
    return rows.map(({ _id }) => _id).filter((id) => !accepted.has(id));
  };
  try {
    await waitUntil("every charge at the receiver", () => missing().length === 0, HEALED_MS);
  } catch (error) {
    const lost = missing();
    const known = await describeDeliveries(stack, lost);
    throw new Error(`${lost.length} of ${rows.length} did not arrive:\n${known}`, { cause: error });
  }
  expect(receiver.invalid).toEqual([]);
  expect(receiver.changedDuplicates()).toEqual([]);
  const bodies = new Map(rows.map((row) => [row._id, row.body]));
  expect(receiver.accepted.filter(({ id, body }) => bodies.get(id) !== body)).toEqual([]);
  for (const [customerId, charges] of Map.groupBy(rows, (row) => row.customerId)) {
    expect(receiver.sequencesOf(customerId)).toEqual(oneTo(charges.length));
  }
}

/** `npm run verify` finds nothing. */
export async function expectVerified(dataDir: string): Promise<void> {
  const { code, output } = await runVerify(dataDir);
  expect(output).toMatch(/no difference/);
  expect(code).toBe(0);
}
