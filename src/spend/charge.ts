import type { TokenUsage } from "../lib/token-usage.ts";
import type { AppliedRates } from "./rates.ts";

/** One answered call, priced: what the ledger is asked to record. */
export interface Charge {
  /** Made by the proxy itself, never sent by a caller; the ledger row's id is derived from it. */
  readonly requestId: string;
  readonly customerId: string;
  readonly occurredAt: Date;
  readonly costNano: bigint;
  /** Null when no price was known: the charge is zero and the row says `unpriced`. */
  readonly rates: AppliedRates | null;
  /** The name the caller used. */
  readonly model: string;
  readonly deploymentId: string;
  readonly upstreamModel: string;
  readonly usage: TokenUsage;
  /** True when the upstream did not report usage and it was counted here. */
  readonly estimated: boolean;
  /** SHA-256 of the API key that made the call, lower-case hex. */
  readonly keyHash: string;
}

/** Where a committed charge left its customer. */
export interface ChargeTotals {
  /** Spend of the current period, this charge included. */
  readonly spendNano: bigint;
  readonly lifetimeSpendNano: bigint;
  /** This charge's number among the customer's charges: 1, 2, 3 … */
  readonly sequence: bigint;
}

/**
 * `committed`: durable in the store. `spooled`: durable on this machine's disk, and in the store once it
 * is back.
 */
export type ChargeReceipt =
  | { readonly state: "committed"; readonly totals: ChargeTotals }
  | { readonly state: "spooled" };
