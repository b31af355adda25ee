import type { BudgetDoc } from "../store/documents.ts";
import type { Random } from "./random.ts";

/** A customer before its first call. */
export interface MadeUpCustomer {
  readonly id: string;
  readonly alias: string | null;
  readonly blocked: boolean;
  readonly budgetId: string | null;
  readonly createdAt: Date;
}

interface Tier {
  readonly id: string;
  readonly usd: number;
  readonly softUsd: number | null;
  readonly rpm: number | null;
}

const TIERS: readonly Tier[] = [
  { id: "free", usd: 0.1, softUsd: null, rpm: 10 },
  { id: "starter", usd: 1, softUsd: 0.8, rpm: 60 },
  { id: "team", usd: 10, softUsd: 8, rpm: 120 },
  { id: "business", usd: 100, softUsd: null, rpm: 600 },
  { id: "enterprise", usd: 2000, softUsd: 1500, rpm: null },
];

const FIRST = ["Acme", "Blue", "Cedar", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Iris", "Juniper"];
const SECOND = ["Analytics", "Foods", "Health", "Labs", "Logistics", "Media", "Robotics", "Studio", "Travel"];
const KIND = ["GmbH", "Inc", "Ltd", "SA", "AB"];
const NANO_PER_USD = 1e9;
const DAY_MS = 86_400_000;
/** How long before the first call customers began to arrive. */
const ARRIVAL_DAYS = 180;

/** The tiers that made-up customers are on, as an operator has made them before the first call. */
export function madeUpBudgets(at: Date): BudgetDoc[] {
  return TIERS.map(({ id, usd, softUsd, rpm }) => ({
    ...budget(id, usd, at),
    softBudgetNano: softUsd === null ? null : BigInt(softUsd * NANO_PER_USD),
    rpmLimit: rpm,
  }));
}

function budget(id: string, usd: number, at: Date): BudgetDoc {
  return {
    _id: id,
    maxBudgetNano: BigInt(Math.round(usd * NANO_PER_USD)),
    softBudgetNano: null,
    maxParallelRequests: null,
    tpmLimit: null,
    rpmLimit: null,
    budgetDuration: "1mo",
    firstResetAt: null,
    modelLimits: [],
    thresholds: null,
    enforcement: null,
    customerId: null,
    createdAt: at,
    createdBy: "seed",
    updatedAt: at,
    updatedBy: "seed",
  };
}

/**
 * Customers by how much they use, the heaviest first; their ids do not tell. Most are on the tier that
 * what they are expected to spend just about fits, one in a hundred has a budget of its own.
 */
export function madeUpCustomers(
  random: Random,
  { count, startsAt, expectedUsd }: { count: number; startsAt: Date; expectedUsd: (rank: number) => number },
): { customers: MadeUpCustomer[]; privateBudgets: BudgetDoc[] } {
  const privateBudgets: BudgetDoc[] = [];
  const digits = String(count).length;
  const numbers = shuffled(random, count);
  const customers = numbers.map((number, rank): MadeUpCustomer => {
    const id = `cus_${String(number).padStart(digits, "0")}`;
    const createdAt = new Date(startsAt.getTime() - random.next() * ARRIVAL_DAYS * DAY_MS);
    const wanted = expectedUsd(rank) * (0.4 + 2.2 * random.next());
    const kind = random.next();
    let budgetId: string | null = TIERS.find(({ usd }) => usd >= wanted)?.id ?? "enterprise";
    if (kind < 0.01) {
      budgetId = `${id}-own`;
      const own = budget(budgetId, Math.max(1, Math.round(wanted * 1.5)), createdAt);
      privateBudgets.push({ ...own, customerId: id });
    } else if (kind < 0.03) {
      budgetId = null;
    }
    const alias =
      random.next() < 0.7
        ? `${random.pick(FIRST)} ${random.pick(SECOND)} ${random.pick(KIND)} ${number}`
        : null;
    return { id, alias, blocked: random.next() < 0.005, budgetId, createdAt };
  });
  return { customers, privateBudgets };
}

/** The numbers from 1 to count, in a random order. */
function shuffled(random: Random, count: number): number[] {
  const numbers = Array.from({ length: count }, (_, at) => at + 1);
  for (let at = count - 1; at > 0; at--) {
    const other = random.below(at + 1);
    const swapped = numbers[at] ?? 0;
    numbers[at] = numbers[other] ?? 0;
    numbers[other] = swapped;
  }
  return numbers;
}
