import { isDeepStrictEqual } from "node:util";
import type { CustomerDoc } from "../../store/documents.ts";
import { amount } from "../usd-field.ts";
import { changedSettings, newCustomer } from "../customer-doc.ts";
import type { IncomingCustomer } from "./incoming.ts";
import type { Outcome } from "./plan-budget.ts";

export interface PlannedCustomer {
  readonly outcome: Outcome;
  /** Null: there was none, or it was deleted. */
  readonly before: CustomerDoc | null;
  readonly customer: CustomerDoc;
  /** The file has another spend than the existing customer, which keeps its own. */
  readonly spendKept: boolean;
}

/**
 * What a customer becomes. A new one begins with the file's spend; an existing one keeps what was spent here.
 */
export function planCustomer(
  { settings, spend, id }: IncomingCustomer,
  known: CustomerDoc | null,
  now: Date,
): PlannedCustomer {
  if (known === null || known.deletedAt !== null) {
    const { blocked, budget_id: budgetId = null, ...more } = settings;
    const customer = newCustomer(known, { ...more, user_id: id, blocked: blocked ?? false, spend }, now);
    return { outcome: "created", before: null, customer: { ...customer, budgetId }, spendKept: false };
  }
  const changes = {
    ...changedSettings(settings),
    ...(settings.budget_id !== undefined && { budgetId: settings.budget_id }),
  };
  const spendKept = (amount(spend) ?? known.spendNano) !== known.spendNano;
  if (isDeepStrictEqual(comparable({ ...known, ...changes }), comparable(known))) {
    return { outcome: "unchanged", before: known, customer: known, spendKept };
  }
  const customer = { ...known, ...changes, reviewAt: now, updatedAt: now };
  return { outcome: "updated", before: known, customer, spendKept };
}

/** The order of an object's keys is no difference. */
function comparable(customer: CustomerDoc): object {
  const { objectPermission } = customer;
  return {
    ...customer,
    objectPermission: objectPermission === null ? null : (JSON.parse(objectPermission) as unknown),
  };
}
