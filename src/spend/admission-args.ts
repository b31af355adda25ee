import { createHash } from "node:crypto";
import type { Account } from "./account.ts";
import type { CallLimits } from "./call-limits.ts";

/** What one process holds of a customer's limits for one call. */
export interface Hold {
  readonly customerId: string;
  readonly amountNano: bigint;
  readonly buckets: readonly string[];
}

/** A hold outlives its process by this; longer than any commit can be on its way. */
const HOLD_MS = 60_000;

/** `pinned`: what waits on a disk never expires. */
export function renewArgs(holds: readonly (readonly [string, Hold])[], pinned: boolean): string[] {
  const args = holds.flatMap(([id, hold]) => [id, String(hold.amountNano), JSON.stringify(hold.buckets)]);
  return [pinned ? "" : String(HOLD_MS), ...args];
}

/** `compare`: what Redis knows by other terms than these is read from the store again. */
export function admitArgs(requestId: string, limits: CallLimits, compare: boolean): string[] {
  const number = (limit: number | null): string => String(limit ?? -1);
  return [
    requestId,
    String(HOLD_MS),
    number(limits.parallel),
    number(limits.rpm),
    number(limits.tpm),
    ...limits.buckets.flatMap((bucket) => [
      bucket.name,
      String(bucket.maxNano),
      String(bucket.needNano),
      String(bucket.fallbackNano),
      String(bucket.minNano),
      bucket.soft ? "1" : "0",
      compare && bucket.periodEnd !== undefined ? endText(bucket.periodEnd) : "*",
    ]),
  ];
}

function endText(date: Date | null): string {
  return date === null ? "" : String(date.getTime());
}

/** Totals after a commit, with the tokens that it counted. */
export function commitArgs(account: Account, tokens: number): string[] {
  return ["commit", String(account.sequence), String(tokens), "0", ...bucketArgs(account)];
}

/** Totals as the store has them (null = no such customer), read when Redis knew of so many doubts. */
export function seedArgs(account: Account | null, doubts: string): string[] {
  return account === null
    ? ["seed", "0", "0", doubts, "0"]
    : ["seed", String(account.sequence), "0", doubts, ...bucketArgs(account)];
}

function bucketArgs(account: Account): string[] {
  const buckets = [
    { name: "", spentNano: account.spendNano, end: endText(account.periodEnd) },
    ...account.modelSpend.map((one) => ({
      name: `model:${one.model}`,
      spentNano: one.spendNano,
      end: endText(one.periodEnd),
    })),
  ];
  return [
    String(buckets.length),
    ...buckets.flatMap((bucket) => [bucket.name, String(bucket.spentNano), bucket.end]),
  ];
}

/** Ids are any text; their hash makes keys of one length in one slot of a cluster. */
export function keysOf(customerId: string): string[] {
  const tag = createHash("sha256").update(customerId).digest("base64url");
  return ["state", "holds", "amounts"].map((part) => `spendhook:{${tag}}:${part}`);
}
