import { aliasKeyOf } from "../customers/find-customers.ts";
import { type Account, NEW_ACCOUNT, reviewAccount } from "../spend/account.ts";
import { type BudgetTerms, type TermsDefaults, termsOf } from "../spend/budget-terms.ts";
import type { Charge } from "../spend/charge.ts";
import { newCustomerFields, reviewDateOf } from "../spend/ledger-store.ts";
import { budgetEvent, type EventPlanner, planBatch } from "../spend/plan-batch.ts";
import { utilizationOf } from "../spend/utilization.ts";
import type { Store } from "../store/connect.ts";
import type { BudgetDoc, CustomerDoc } from "../store/documents.ts";
import { BulkWriter } from "./bulk-writer.ts";
import { callTimes, madeUpCharge, MEAN_CALL_USD, pickRank, shareOf } from "./made-up-charges.ts";
import { madeUpBudgets, madeUpCustomers, type MadeUpCustomer } from "./made-up-customers.ts";
import { createRandom, type Random } from "./random.ts";

/** How events are put into words. */
type EventTexts = Pick<EventPlanner, "serializeCharge" | "serializeBudget">;

export interface SeedOptions {
  readonly customers: number;
  readonly charges: number;
  readonly days: number;
  /** The same number, sizes and end make the same data. */
  readonly seed: number;
  /** When the last call was. */
  readonly until: Date;
  /** SHA-256 of the API key that made the calls. */
  readonly keyHash: string;
  readonly defaults: TermsDefaults & { readonly defaultBudgetId: string | null };
  /** The events' texts; nobody is to be told of them. */
  readonly planner: EventTexts;
  readonly progress: (what: string, done: number, of: number) => void;
}

/** Charges that are planned together, as if they had been committed in one transaction. */
const BATCH = 100;
const DAY_MS = 86_400_000;
const DAYS_A_MONTH = 30;
/** A call that its customer cannot make is made by somebody else, so often. */
const TRIES = 20;

/** A customer while the calls are made up. */
interface Standing {
  readonly customer: MadeUpCustomer;
  readonly terms: BudgetTerms | null;
  account: Account;
  lastCallAt: Date | null;
}

/**
 * Fills an empty store with customers, tiers and a ledger that add up, by the ledger's own rules: what
 * `npm run verify` recomputes is what is there. There are no deliveries. Broken off it leaves a store that
 * does not add up: empty it and begin again.
 */
export async function seedStore(store: Store, options: SeedOptions): Promise<void> {
  const random = createRandom(options.seed);
  const startsAt = new Date(options.until.getTime() - options.days * DAY_MS);
  const { standings, budgets } = makeUp(random, options, startsAt);
  const writer = new BulkWriter(store);
  await store.collections.budgets.insertMany(budgets);
  const times = callTimes(random, { count: options.charges, startsAt, endsAt: options.until });
  const byRank = [...standings.values()];
  let made = 0;
  for (const batch of batches(times)) {
    const charges = batch.map((at) => nextCharge({ random, byRank, at, writer, options }));
    await commit(charges, {
      standings,
      writer,
      planner: withoutEndpoints(options.planner),
      now: lastOf(batch),
    });
    made += batch.length;
    options.progress("charges", made, options.charges);
  }
  await finish(byRank, { store, writer, options });
}

function makeUp(
  random: Random,
  options: SeedOptions,
  startsAt: Date,
): { standings: Map<string, Standing>; budgets: BudgetDoc[] } {
  const { customers: count, charges, days, defaults } = options;
  const monthly = (charges * MEAN_CALL_USD * DAYS_A_MONTH) / days;
  const tiers = madeUpBudgets(startsAt);
  const { customers, privateBudgets } = madeUpCustomers(random, {
    count,
    startsAt,
    expectedUsd: (rank) => monthly * shareOf(rank, count),
  });
  const budgets = [...tiers, ...privateBudgets];
  const terms = new Map(budgets.map((budget) => [budget._id, termsOf(budget, defaults)]));
  const standings = customers.map((customer): [string, Standing] => {
    const budgetId = customer.budgetId ?? defaults.defaultBudgetId;
    const own = (budgetId !== null && terms.get(budgetId)) || null;
    return [customer.id, { customer, terms: own, account: NEW_ACCOUNT, lastCallAt: null }];
  });
  return { standings: new Map(standings), budgets };
}

function* batches(times: Iterable<Date>): Generator<Date[]> {
  let batch: Date[] = [];
  for (const at of times) {
    batch.push(at);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function lastOf(batch: readonly Date[]): Date {
  const last = batch.at(-1);
  if (last === undefined) throw new Error("A batch is never empty");
  return last;
}

/** A call of somebody who may make it; whoever may not is counted as refused, as the proxy does. */
function nextCharge(how: {
  random: Random;
  byRank: readonly Standing[];
  at: Date;
  writer: BulkWriter;
  options: SeedOptions;
}): Charge {
  const { random, byRank, at, writer, options } = how;
  for (let tries = 1; ; tries++) {
    const standing = byRank[pickRank(random, byRank.length)];
    if (standing === undefined) throw new Error("There are no customers to charge");
    const charge = madeUpCharge(random, standing.customer, { at, keyHash: options.keyHash });
    const code = refusalOf(standing, charge);
    if (code === null || tries === TRIES) return charge;
    writer.addRefusal(at, code, code === "budget_exceeded" ? charge.costNano : 0n);
  }
}

function refusalOf({ customer, terms, account }: Standing, charge: Charge): string | null {
  if (customer.blocked) return "customer_blocked";
  const isCovered = terms?.maxNano == null || account.spendNano < terms.maxNano;
  return isCovered || charge.costNano === 0n ? null : "budget_exceeded";
}

async function commit(
  charges: readonly Charge[],
  to: { standings: ReadonlyMap<string, Standing>; writer: BulkWriter; planner: EventPlanner; now: Date },
): Promise<void> {
  const before = new Map(
    charges.flatMap(({ customerId }) => {
      const standing = to.standings.get(customerId);
      return standing === undefined ? [] : [[customerId, standing]];
    }),
  );
  const plan = planBatch(charges, before, to.planner, to.now);
  for (const { customerId, account, lastCallAt } of plan.customers) {
    const standing = before.get(customerId);
    if (standing !== undefined) Object.assign(standing, { account, lastCallAt });
  }
  await to.writer.add(plan.events, plan.daily);
}

/** Brings every account up to the end, as maintenance would have, and writes the customers. */
async function finish(
  standings: readonly Standing[],
  { store, writer, options }: { store: Store; writer: BulkWriter; options: SeedOptions },
): Promise<void> {
  const planner = withoutEndpoints(options.planner);
  const now = options.until;
  let written = 0;
  let customers: CustomerDoc[] = [];
  const insert = async (): Promise<void> => {
    if (customers.length > 0) await store.collections.customers.insertMany(customers, { ordered: false });
    written += customers.length;
    customers = [];
    options.progress("customers", written, standings.length);
  };
  for (const { customer, terms, account: before, lastCallAt } of standings) {
    const { account, facts } = reviewAccount(before, terms, now);
    const events = facts.map((fact, at) => {
      const news = {
        id: `evt_seed${customer.id}_${at}`,
        customerId: customer.id,
        at: now,
        fact,
        account,
        terms,
      };
      return budgetEvent({ ...news, requestId: null, keyHash: null }, planner, now);
    });
    await writer.add(events, []);
    customers.push(customerDoc(customer, { account, terms, lastCallAt, now }));
    if (customers.length >= BulkWriter.SIZE) await insert();
  }
  await insert();
  await writer.finish();
}

function customerDoc(
  { id, alias, blocked, budgetId, createdAt }: MadeUpCustomer,
  end: { account: Account; terms: BudgetTerms | null; lastCallAt: Date | null; now: Date },
): CustomerDoc {
  const { account, terms, lastCallAt, now } = end;
  return {
    _id: id,
    ...account,
    ...newCustomerFields(createdAt),
    alias,
    aliasKey: aliasKeyOf(alias),
    blocked,
    budgetId,
    lastCallAt,
    utilization: utilizationOf(account.spendNano, terms?.maxNano ?? null),
    reviewAt: reviewDateOf(account),
    deletedAt: null,
    updatedAt: lastCallAt ?? now,
  };
}

function withoutEndpoints(planner: EventTexts): EventPlanner {
  return { ...planner, endpointsFor: () => [], gathers: () => false, keepDeliveriesMs: 0 };
}
