import { readLedger } from "../support/ledger-rows.ts";
import { runVerify } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";
import { PAYING, PRICE_NANO, type Rig } from "./rig.ts";

/** What must be zero, beside every figure of speed: a fast wrong number is a failed run. */
export interface Correctness {
  readonly failedCalls: number;
  /** Ledger sum minus the upstream's own bill, nano-USD. */
  readonly ledgerMinusBill: bigint;
  /** Charges minus answers of the upstream. */
  readonly chargesMinusAnswers: number;
  readonly eventsLost: number;
  readonly eventsDuplicated: number;
  readonly eventsForged: number;
  /** Customers whose sequences at the receiver are not 1 to n. */
  readonly customersWithGaps: number;
  /** 0 when `npm run verify` finds no difference. */
  readonly verify: number;
}

type Bill = [string, { calls: number; promptTokens: number; completionTokens: number }][];
interface Report {
  readonly forged: number;
  readonly received: [string, { customerId: string; sequence: number; times: number }][];
}

const HEALED_MS = 60_000;

export async function checkCorrectness(rig: Rig, failedCalls: number): Promise<Correctness> {
  const bill = (await rig.upstream.ask<Bill>("bill")).filter(([user]) => user.startsWith(PAYING));
  const answers = bill.reduce((sum, [, { calls }]) => sum + calls, 0);
  const owed = bill.reduce(
    (sum, [, { promptTokens, completionTokens }]) =>
      sum + BigInt(promptTokens) * PRICE_NANO.input + BigInt(completionTokens) * PRICE_NANO.output,
    0n,
  );
  // Calls whose caller was cut off at the end of a round are still being answered and charged.
  await waitUntil(
    "every event at the receiver",
    async () => {
      return (await rig.receiver.ask<number>("count")) >= answers;
    },
    HEALED_MS,
  ).catch(() => null);
  const rows = await readLedger(rig.stack.mongodbUrl);
  const { forged, received } = await rig.receiver.ask<Report>("report");
  const arrived = new Map(received);
  const byCustomer = Map.groupBy(received, ([, { customerId }]) => customerId);
  const withGaps = [...byCustomer.values()].filter((events) => {
    const numbers = new Set(events.map(([, { sequence }]) => sequence));
    return numbers.size !== events.length || Math.max(...numbers) !== events.length;
  });
  return {
    failedCalls,
    ledgerMinusBill: rows.reduce((sum, { costNano }) => sum + costNano, 0n) - owed,
    chargesMinusAnswers: rows.length - answers,
    eventsLost: rows.filter(({ requestId }) => !arrived.has(requestId)).length,
    eventsDuplicated: received.filter(([, { times }]) => times > 1).length,
    eventsForged: forged,
    customersWithGaps: withGaps.length,
    verify: (await runVerify(rig.stack.dataDir)).code ?? -1,
  };
}

export function isCorrect(found: Correctness): boolean {
  return Object.values(found).every((value) => Number(value) === 0);
}
