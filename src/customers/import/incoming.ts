import { z } from "zod";
import { describe, plainIssues, valueAt } from "../../lib/zod-issues.ts";
import { type UpdateCustomer, updateCustomerSchema } from "../customer-fields.ts";
import { countedUsd } from "../usd-field.ts";
import {
  asIncoming,
  type IncomingBudget,
  isRecord,
  litellmBudget,
  normalizeBudget,
} from "./litellm-budget.ts";
import { type Place, placeText, type Row, UnreadableFile } from "./read-rows.ts";

/** A customer as a file has it, checked. `settings.budget_id` is undefined where the row says nothing of it. */
export interface IncomingCustomer {
  readonly id: string;
  readonly place: Place;
  readonly settings: UpdateCustomer;
  readonly spend: number | string | null;
}

export interface Skipped {
  readonly place: Place;
  readonly kind: "budget" | "customer" | "row";
  readonly id: string | null;
  readonly reason: string;
}

/** Everything that the files have, in the order in which it can be written. */
export interface Incoming {
  readonly budgets: readonly IncomingBudget[];
  readonly customers: readonly IncomingCustomer[];
  readonly skipped: readonly Skipped[];
  /** What was seen and not taken, each with the ids that have it. */
  readonly warnings: ReadonlyMap<string, readonly string[]>;
}

const nullWhenEmpty = (value: unknown): unknown => (value === "" ? null : value);
const TEXT_FIELDS = ["budget_id", "default_model", "allowed_model_region"];

const litellmCustomer = z.object({
  ...updateCustomerSchema.pick({
    user_id: true,
    alias: true,
    blocked: true,
    models: true,
    default_model: true,
    allowed_model_region: true,
    object_permission: true,
    budget_id: true,
  }).shape,
  spend: countedUsd.nullish(),
  litellm_budget_table: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Sorts the rows of all files into budgets and customers; each that cannot be taken is named with its reason.
 * Nested budgets count where no row of their own has the id. Throws UnreadableFile for a file that has neither.
 */
export function collectIncoming(rows: readonly Row[], modelNames: readonly string[] | null): Incoming {
  refuseOtherFiles(rows);
  const collector = new Collector(modelNames);
  for (const row of rows) if (row.fault !== null || !isCustomer(row.value)) collector.addBudgetRow(row);
  for (const row of rows)
    if (row.fault === null && isCustomer(row.value)) collector.addCustomer(row.place, row.value);
  return collector.collected();
}

type JsonObject = Record<string, unknown>;

function isCustomer(value: unknown): value is JsonObject {
  return isRecord(value) && "user_id" in value;
}

function isBudget(value: unknown): value is JsonObject {
  return isRecord(value) && "budget_id" in value && !("user_id" in value);
}

/** An error answer that was saved as a file, say. */
function refuseOtherFiles(rows: readonly Row[]): void {
  for (const [file, own] of Map.groupBy(rows, ({ place }) => place.file)) {
    if (own.some(({ value }) => isCustomer(value) || isBudget(value))) continue;
    throw new UnreadableFile(`${file}: it has neither customers (user_id) nor budgets (budget_id)`);
  }
}

class Collector {
  readonly #modelNames: readonly string[] | null;
  readonly #budgets = new Map<string, IncomingBudget>();
  readonly #customers = new Map<string, IncomingCustomer>();
  /** Why a budget is not there for its customers. */
  readonly #refusedBudgets = new Map<string, string>();
  readonly #skipped: Skipped[] = [];
  readonly #warnings = new Map<string, string[]>();

  constructor(modelNames: readonly string[] | null) {
    this.#modelNames = modelNames;
  }

  collected(): Incoming {
    return {
      budgets: [...this.#budgets.values()],
      customers: [...this.#customers.values()],
      skipped: this.#skipped,
      warnings: this.#warnings,
    };
  }

  addBudgetRow({ place, value, fault }: Row): void {
    if (fault !== null || !isBudget(value)) {
      const reason = fault ?? "it has neither a user_id nor a budget_id";
      this.#skipped.push({ place, kind: "row", id: null, reason });
      return;
    }
    const id = textOrNull(value["budget_id"]);
    const earlier = id === null ? undefined : this.#budgets.get(id);
    const reason =
      earlier === undefined ? this.#addBudget(place, value) : `the same id is at ${placeText(earlier.place)}`;
    if (reason === null) return;
    this.#skipped.push({ place, kind: "budget", id, reason });
    if (id !== null && earlier === undefined) this.#refusedBudgets.set(id, reason);
  }

  /** Null when it was taken. */
  #addBudget(place: Place, value: JsonObject): string | null {
    const { row, ignored } = normalizeBudget(value);
    const parsed = litellmBudget.safeParse(row, { reportInput: true });
    if (!parsed.success) return reasonOf(parsed.error, row);
    const budget = asIncoming(parsed.data, place);
    this.#budgets.set(budget.id, budget);
    for (const what of new Set(ignored)) this.#warn(`${what} is not taken`, budget.id);
    return null;
  }

  addCustomer(place: Place, value: JsonObject): void {
    const id = textOrNull(value["user_id"]);
    const skip = (reason: string): void => {
      this.#skipped.push({ place, kind: "customer", id, reason });
    };
    const earlier = id === null ? undefined : this.#customers.get(id);
    if (earlier !== undefined) return skip(`the same id is at ${placeText(earlier.place)}`);
    const row = {
      ...value,
      ...Object.fromEntries(
        TEXT_FIELDS.filter((name) => name in value).map((name) => [name, nullWhenEmpty(value[name])]),
      ),
    };
    const parsed = litellmCustomer.safeParse(row, { reportInput: true });
    if (!parsed.success) return skip(reasonOf(parsed.error, row));
    const { spend, litellm_budget_table: nested, ...settings } = parsed.data;
    const nestedId = nested?.["budget_id"] ?? null;
    if (nestedId !== null && typeof nestedId !== "string") {
      return skip(`litellm_budget_table.budget_id: Input should be a text, got ${describe(nestedId)}`);
    }
    // Only a row that says nothing of budgets leaves an existing customer's as it is.
    const silent = settings.budget_id === undefined && nested === undefined;
    const budgetId = silent ? undefined : (settings.budget_id ?? nestedId);
    if (nested != null) {
      if (budgetId === null || budgetId === undefined)
        return skip("its litellm_budget_table has no budget_id");
      this.#addNested(place, { ...nested, budget_id: nestedId ?? budgetId });
    }
    const refused = budgetId == null ? undefined : this.#refusedBudgets.get(budgetId);
    if (refused !== undefined) return skip(`its budget "${budgetId}" cannot be taken: ${refused}`);
    this.#customers.set(settings.user_id, {
      id: settings.user_id,
      place,
      settings: { ...settings, budget_id: budgetId },
      spend: spend ?? null,
    });
    this.#warnOfModel(settings);
  }

  #addNested(place: Place, nested: JsonObject): void {
    const id = textOrNull(nested["budget_id"]);
    if (id === null || this.#budgets.has(id) || this.#refusedBudgets.has(id)) return;
    const reason = this.#addBudget(place, nested);
    if (reason === null) return;
    this.#refusedBudgets.set(id, reason);
    this.#skipped.push({ place, kind: "budget", id, reason });
  }

  #warnOfModel({ user_id: id, default_model: model }: UpdateCustomer): void {
    if (model == null || this.#modelNames === null || this.#modelNames.includes(model)) return;
    this.#warn(`default_model ${JSON.stringify(model)} is not configured here`, id);
  }

  #warn(what: string, id: string): void {
    const ids = this.#warnings.get(what);
    if (ids === undefined) this.#warnings.set(what, [id]);
    else ids.push(id);
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** Every wrong field of a row, with what was expected and what came. */
function reasonOf(error: z.ZodError, row: unknown): string {
  return plainIssues(error.issues)
    .map(({ path, message }) => {
      const value = valueAt(row, path);
      return `${path.join(".")}: ${value === undefined ? "Field required" : `${message}, got ${describe(value)}`}`;
    })
    .join("; ");
}
