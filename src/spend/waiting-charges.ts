import { type Account, NEW_ACCOUNT } from "./account.ts";
import { type Hold, renewArgs } from "./admission-args.ts";
import type { SpooledCharge } from "./spooled-charges.ts";

/** What a customer's waiting charges come to. */
export interface WaitingSum {
  readonly charges: number;
  readonly totalNano: bigint;
}

/** More in one command would keep Redis from others. */
const PINS_AT_ONCE = 500;

/**
 * Charges on the disk that the store does not have yet, by customer: spent, though no account says so. Each is held at
 * Redis at its exact cost, without expiry, until it is in the store: also those of calls that held nothing, as their
 * customers may have limits by now.
 */
export class WaitingCharges {
  readonly #pin: (customerId: string, args: readonly string[]) => Promise<unknown>;
  readonly #byCustomer = new Map<string, Map<string, SpooledCharge>>();
  /** Customers of whose waiting charges Redis has not heard (all) yet. */
  readonly #unpinned = new Set<string>();

  /** `pin` runs Redis' `renew`. */
  constructor(pin: (customerId: string, args: readonly string[]) => Promise<unknown>) {
    this.#pin = pin;
  }

  /** Rejects when Redis does not answer: they are known here then, and `pinMissing` tells it. */
  async add(customerId: string, charges: readonly SpooledCharge[]): Promise<void> {
    const own = this.#byCustomer.get(customerId) ?? new Map<string, SpooledCharge>();
    this.#byCustomer.set(customerId, own);
    for (const charge of charges) own.set(charge.requestId, charge);
    const isBehind = this.#unpinned.has(customerId);
    this.#unpinned.add(customerId);
    await this.pin(customerId, isBehind ? [...own.values()] : charges);
  }

  /** True when it was there. */
  delete({ customerId, requestId }: Pick<SpooledCharge, "customerId" | "requestId">): boolean {
    const own = this.#byCustomer.get(customerId);
    const was = own?.delete(requestId) ?? false;
    if (own?.size === 0) this.#byCustomer.delete(customerId);
    return was;
  }

  /** Customers of whom Redis may not know all that waits. */
  get unpinned(): string[] {
    return [...this.#unpinned];
  }

  /** Resolves when Redis knows what waits of this customer; at once where it does. */
  async pinMissing(customerId: string): Promise<void> {
    if (this.#unpinned.has(customerId)) await this.pin(customerId);
  }

  /** Holds what waits of a customer, again where Redis may have lost it. */
  async pin(customerId: string, charges: readonly SpooledCharge[] = this.of(customerId)): Promise<void> {
    // All are sent at once: one that is committed meanwhile must not be held after its hold has ended.
    const sent: Promise<unknown>[] = [];
    for (let from = 0; from < charges.length; from += PINS_AT_ONCE) {
      const holds = charges.slice(from, from + PINS_AT_ONCE).map((charge) => holdOf(charge));
      sent.push(this.#pin(customerId, renewArgs(holds, true)));
    }
    await Promise.all(sent);
    this.#unpinned.delete(customerId);
  }

  /** A customer's charges that wait. */
  of(customerId: string): SpooledCharge[] {
    return [...(this.#byCustomer.get(customerId)?.values() ?? [])];
  }

  sumOf(customerId: string): WaitingSum {
    const own = this.of(customerId);
    return { charges: own.length, totalNano: own.reduce((sum, { costNano }) => sum + costNano, 0n) };
  }
}

/** An account with charges that wait added, as it will be; null stays null where nothing waits. */
export function withWaiting(account: Account | null, own: readonly SpooledCharge[]): Account | null {
  if (own.length === 0) return account;
  const base = account ?? NEW_ACCOUNT;
  const models = [...new Set(own.map(({ model }) => model))].filter(
    (model) => !base.modelSpend.some((spend) => spend.model === model),
  );
  const unknown = models.map((model) => ({ model, spendNano: 0n, periodStart: null, periodEnd: null }));
  return {
    ...base,
    spendNano: base.spendNano + sumSince(own, base.periodStart),
    lifetimeSpendNano: base.lifetimeSpendNano + sumSince(own, null),
    modelSpend: [...base.modelSpend, ...unknown].map((spend) => ({
      ...spend,
      spendNano:
        spend.spendNano +
        sumSince(
          own.filter(({ model }) => model === spend.model),
          spend.periodStart,
        ),
    })),
  };
}

/** On the budget and on its model's limit, whichever the customer has or comes to have. */
function holdOf({ requestId, customerId, costNano, model }: SpooledCharge): readonly [string, Hold] {
  return [requestId, { customerId, amountNano: costNano, buckets: ["", `model:${model}`] }];
}

/** A charge of a period that has ended counts for life only. */
function sumSince(charges: readonly SpooledCharge[], start: Date | null): bigint {
  return charges.reduce(
    (sum, charge) => (start === null || charge.occurredAt >= start ? sum + charge.costNano : sum),
    0n,
  );
}
