import { afterEach, beforeEach, expect, test } from "vitest";
import { expectChargedOnce, expectDelivered, expectVerified } from "../support/accounts.ts";
import { type FakeUpstream, usdText } from "../support/fake-upstream.ts";
import { payingCall } from "../support/load.ts";
import type { Receiver } from "../support/receiver.ts";
import { startScene } from "../support/scene.ts";
import type { Stack } from "../support/stack.ts";

const CALLS = 1000;
/** Every how manieth call also asks for its customer's spend, the moment it has its answer. */
const ASK_EVERY = 20;

let upstream: FakeUpstream;
let receiver: Receiver;
let stack: Stack;

beforeEach(async () => {
  const scene = await startScene(["steady"]);
  ({ upstream, receiver, stack } = scene);
  return scene.dispose;
});
afterEach(() => expect(receiver.invalid).toEqual([]));

// Setup     one service, an upstream that keeps its own bill, a receiver that verifies every event.
// Timeline  1,000 calls start in the same moment, every third one streamed; as each ends, its client
//           notes its cost, and every twentieth asks for the customer's spend at once.
// Proves    what a response has told is in the total when it ends; the totals are the upstream's bill to
//           the nano-dollar; the receiver gets 1..n without gap; verify finds nothing.
test.for([
  { customers: 1, title: "one customer" },
  { customers: 50, title: "50 customers" },
])("1,000 calls at once on $title add up to the upstream's own bill", async ({ customers }) => {
  const settled = new Map<string, bigint>();
  const behind: string[] = [];
  const call = async (number: number): Promise<Awaited<ReturnType<typeof payingCall>>> => {
    const customerId = `customer-${number % customers}`;
    const paid = await payingCall(stack, { model: "steady", customerId, stream: number % 3 === 0 });
    const atLeast = (settled.get(customerId) ?? 0n) + paid.nano;
    settled.set(customerId, atLeast);
    if (number % ASK_EVERY === 0) {
      const { spend } = await stack.customer(customerId);
      if (spend < Number(usdText(atLeast))) behind.push(`${customerId}: ${spend} < ${usdText(atLeast)}`);
    }
    return paid;
  };

  const paid = await Promise.all(Array.from({ length: CALLS }, (_, number) => call(number)));

  expect(behind).toEqual([]);
  expect(upstream.seen).toHaveLength(CALLS);
  const rows = await expectChargedOnce(stack, paid);
  expect(rows).toHaveLength(CALLS);
  expect(upstream.bill.size).toBe(customers);
  for (const [customerId, bill] of upstream.bill) {
    const shown = await stack.customer(customerId);
    expect(shown.spend).toBe(Number(usdText(bill.nano)));
    expect(shown.lifetime_spend).toBe(shown.spend);
    expect(shown.sequence).toBe(bill.calls);
  }
  await expectDelivered({ stack, receiver }, rows);
  await expectVerified(stack.dataDir);
});
