import { formatNano } from "../lib/money.ts";
import type { DayModelTotal } from "./daily-totals.ts";
import { compareDay, type DayRecords, LedgerTotals } from "./verify-totals.ts";
import type { ChargeEventDoc, CustomerDoc, DailySpendDoc } from "../store/documents.ts";

/** What a ledger row tells a verifier. */
export type LedgerRow = Pick<
  ChargeEventDoc,
  | "_id"
  | "customerId"
  | "sequence"
  | "costNano"
  | "spendAfterNano"
  | "lifetimeAfterNano"
  | "late"
  | "day"
  | "model"
  | "keyHash"
  | "usage"
  | "endpointIds"
  | "deliveriesUntil"
  | "unpriced"
>;

/** A delivery as a verifier sees it. */
export interface DeliveryRef {
  readonly eventId: string;
  readonly endpointId: string;
}

/** Where the verifier reads; every method may be called while the service runs. */
export interface VerifySource {
  /** All ledger rows, by customer and then by sequence. */
  ledger(): AsyncIterable<LedgerRow>;
  /** One customer's rows by sequence, with everything that is derived from them, as of one instant. */
  snapshot(customerId: string): Promise<CustomerRecords>;
  customer(id: string): Promise<CustomerDoc | null>;
  daily(customerId: string): Promise<DailySpendDoc[]>;
  deliveries(eventIds: readonly string[]): Promise<DeliveryRef[]>;
  /** Ids of customers whose documents claim charges, and of those with daily rows. */
  chargedCustomerIds(): AsyncIterable<string>;
  /** What all customers together spent, by day and model. */
  dailyTotals(): Promise<DayModelTotal[]>;
  /** A day's totals and its customers' daily rows, as of one instant. */
  day(day: string): Promise<DayRecords>;
  /** Deliveries whose event does not exist. */
  orphanDeliveries(): AsyncIterable<DeliveryRef>;
}

export interface CustomerRecords {
  readonly rows: readonly LedgerRow[];
  readonly customer: CustomerDoc | null;
  readonly daily: readonly DailySpendDoc[];
  readonly deliveries: readonly DeliveryRef[];
}

export interface VerifyReport {
  readonly customers: number;
  readonly charges: number;
  readonly totalNano: bigint;
  readonly differences: readonly string[];
}

/**
 * Recomputes every customer total, daily roll-up, sequence and delivery set from the ledger and names
 * each difference. Charges made meanwhile are no differences: what does not add up is looked at again as
 * of one instant.
 */
export async function verifyLedger(source: VerifySource): Promise<VerifyReport> {
  const differences: string[] = [];
  const seen = new Set<string>();
  const totals = new LedgerTotals();
  let charges = 0;
  let totalNano = 0n;
  for await (const rows of byCustomer(source.ledger())) {
    const customerId = rows[0]?.customerId ?? "";
    seen.add(customerId);
    charges += rows.length;
    for (const row of rows) {
      totalNano += row.costNano;
      totals.add(row);
    }
    const [customer, daily, deliveries] = await Promise.all([
      source.customer(customerId),
      source.daily(customerId),
      source.deliveries(rows.map((row) => row._id)),
    ]);
    if (compareCustomer(customerId, { rows, customer, daily, deliveries }).length > 0) {
      differences.push(...compareCustomer(customerId, await source.snapshot(customerId)));
    }
  }
  for await (const id of source.chargedCustomerIds()) {
    if (seen.has(id)) continue;
    seen.add(id);
    differences.push(...compareCustomer(id, await source.snapshot(id)));
  }
  for (const day of totals.daysThatDiffer(await source.dailyTotals())) {
    differences.push(...compareDay(await source.day(day)));
  }
  for await (const { eventId, endpointId } of source.orphanDeliveries()) {
    differences.push(`delivery to ${endpointId}: its event ${eventId} does not exist`);
  }
  return { customers: seen.size, charges, totalNano, differences };
}

/** Every difference between one customer's ledger rows and what is derived from them. */
export function compareCustomer(customerId: string, records: CustomerRecords): string[] {
  const { rows, customer, daily, deliveries } = records;
  const name = `customer ${JSON.stringify(customerId)}`;
  const sum = rows.reduce((total, row) => total + row.costNano, 0n);
  const differences: string[] = [];
  const expect = (what: string, found: string | undefined, expected: string): void => {
    if (found !== expected)
      differences.push(`${name}: ${what} is ${found ?? "missing"}, the ledger says ${expected}`);
  };
  expect("lifetime spend", customer ? formatNano(customer.lifetimeSpendNano) : undefined, formatNano(sum));
  if (customer !== null)
    expect("spend", formatNano(customer.spendNano), formatNano(periodSpend(customer, rows)));
  expect("sequence", customer?.sequence.toString(), String(rows.length));
  let running = 0n;
  rows.forEach((row, index) => {
    running += row.costNano;
    expect(`the number of charge ${row._id}`, row.sequence.toString(), String(index + 1));
    expect(`lifetime spend after charge ${row._id}`, formatNano(row.lifetimeAfterNano), formatNano(running));
  });
  differences.push(...compareDaily(name, rows, daily), ...compareDeliveries(rows, deliveries));
  return differences;
}

/** What a customer has spent in the current period. */
function periodSpend(customer: CustomerDoc, rows: readonly LedgerRow[]): bigint {
  return rows
    .filter((row) => row.sequence > customer.spendFromSequence && !row.late)
    .reduce((total, row) => total + row.costNano, customer.spendOffsetNano);
}

interface DaySums {
  readonly costNano: bigint;
  readonly calls: bigint;
  readonly tokens: bigint;
  readonly unpriced: bigint;
}

function compareDaily(name: string, rows: readonly LedgerRow[], daily: readonly DailySpendDoc[]): string[] {
  const expected = new Map<string, DaySums>();
  for (const row of rows) {
    const id = JSON.stringify([row.day, row.customerId, row.model, row.keyHash]);
    const sums = expected.get(id) ?? { costNano: 0n, calls: 0n, tokens: 0n, unpriced: 0n };
    expected.set(id, {
      costNano: sums.costNano + row.costNano,
      calls: sums.calls + 1n,
      tokens: sums.tokens + BigInt(row.usage.promptTokens + row.usage.completionTokens),
      unpriced: sums.unpriced + (row.unpriced ? 1n : 0n),
    });
  }
  const show = (sums: DaySums | undefined): string =>
    sums
      ? `${formatNano(sums.costNano)} USD in ${sums.calls} calls with ${sums.tokens} tokens, ${sums.unpriced} unpriced`
      : "nothing";
  const found = new Map(
    daily.map(({ _id, costNano, calls, promptTokens, completionTokens, unpricedCalls: unpriced }) => [
      _id,
      { costNano, calls, tokens: promptTokens + completionTokens, unpriced },
    ]),
  );
  return [...new Set([...expected.keys(), ...found.keys()])]
    .filter((id) => show(found.get(id)) !== show(expected.get(id)))
    .map(
      (id) => `${name}: daily row ${id} is ${show(found.get(id))}, the ledger says ${show(expected.get(id))}`,
    );
}

function compareDeliveries(rows: readonly LedgerRow[], deliveries: readonly DeliveryRef[]): string[] {
  const found = new Set(deliveries.map(({ eventId, endpointId }) => `${eventId} ${endpointId}`));
  const now = new Date();
  // What has been kept long enough is gone, and nothing is wrong with that.
  const kept = rows.filter((row) => row.deliveriesUntil > now);
  return kept.flatMap((row) =>
    row.endpointIds
      .filter((endpointId) => !found.has(`${row._id} ${endpointId}`))
      .map((endpointId) => `event ${row._id}: it has no delivery to ${endpointId}`),
  );
}

async function* byCustomer(rows: AsyncIterable<LedgerRow>): AsyncGenerator<LedgerRow[]> {
  let group: LedgerRow[] = [];
  for await (const row of rows) {
    if (group[0] !== undefined && group[0].customerId !== row.customerId) {
      yield group;
      group = [];
    }
    group.push(row);
  }
  if (group.length > 0) yield group;
}
