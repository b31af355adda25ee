import { z } from "zod";
import { type BudgetFields, budgetFields, readInstant } from "../budget-fields.ts";
import { budgetId } from "../customer-fields.ts";
import type { Place } from "./read-rows.ts";

/** A budget as a file has it, checked. */
export interface IncomingBudget {
  readonly id: string;
  readonly place: Place;
  readonly fields: Omit<BudgetFields, "budget_reset_at">;
  readonly resetAt: Date | null;
  readonly createdAt: Date | null;
  readonly createdBy: string | null;
}

type JsonObject = Record<string, unknown>;

const { budget_reset_at: instant, ...limits } = budgetFields;

/** LiteLLM's row; what it has beside these fields is not taken. */
export const litellmBudget = z.object({
  budget_id: budgetId,
  ...limits,
  budget_reset_at: instant,
  created_at: instant.catch(null),
  created_by: z.string().nullish().catch(null),
});

/** A checked row as a budget. */
export function asIncoming(row: z.infer<typeof litellmBudget>, place: Place): IncomingBudget {
  const { budget_id: id, budget_reset_at, created_at, created_by, ...fields } = row;
  return {
    id,
    place,
    fields,
    resetAt: budget_reset_at == null ? null : readInstant(budget_reset_at),
    createdAt: created_at == null ? null : readInstant(created_at),
    createdBy: created_by ?? null,
  };
}

/** LiteLLM's looser spellings in ours, and what of the row has no meaning here. */
export function normalizeBudget(row: Readonly<JsonObject>): { row: JsonObject; ignored: string[] } {
  const ignored: string[] = [];
  for (const name of ["tpd_limit", "allowed_models"]) {
    const value = row[name];
    if (value != null && !(Array.isArray(value) && value.length === 0)) ignored.push(`${name} of a budget`);
  }
  const models = row["model_max_budget"];
  return {
    ignored,
    row: {
      ...row,
      ...("budget_duration" in row && { budget_duration: normalizeDuration(row["budget_duration"]) }),
      ...("budget_reset_at" in row && { budget_reset_at: normalizeInstant(row["budget_reset_at"]) }),
      ...("created_at" in row && { created_at: normalizeInstant(row["created_at"]) }),
      ...(isRecord(models) && { model_max_budget: normalizeModels(models, ignored) }),
    },
  };
}

/** LiteLLM reads the count and the first letters of the unit, so that 1hr is 1h; these texts mean no reset. */
function normalizeDuration(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (["", "none", "null"].includes(value.trim().toLowerCase())) return null;
  return /^(\d+)(mo|[smhdw])/.exec(value)?.[0] ?? value;
}

/** Python prints a space where ISO 8601 has a T. */
function normalizeInstant(value: unknown): unknown {
  return typeof value === "string" ? value.replace(/^(\d{4}-\d\d-\d\d) /, "$1T") : value;
}

const MODEL_LIMIT_FIELDS = ["budget_limit", "max_budget", "time_period", "budget_duration"];

function normalizeModels(models: Readonly<JsonObject>, ignored: string[]): JsonObject {
  const taken: JsonObject = {};
  for (const [model, limit] of Object.entries(models)) {
    if (model.includes("*")) {
      ignored.push("a model_max_budget of a pattern");
      continue;
    }
    if (!isRecord(limit)) {
      taken[model] = limit;
      continue;
    }
    const kept = Object.fromEntries(
      Object.entries(limit).flatMap(([name, value]) => {
        if (value === null) return [];
        if (MODEL_LIMIT_FIELDS.includes(name))
          return [[name, DURATIONS.has(name) ? normalizeDuration(value) : value]];
        ignored.push(`${name} in model_max_budget`);
        return [];
      }),
    );
    if (kept["budget_limit"] !== undefined || kept["max_budget"] !== undefined) taken[model] = kept;
    else ignored.push("a model_max_budget without an amount");
  }
  return taken;
}

const DURATIONS: ReadonlySet<string> = new Set(["time_period", "budget_duration"]);

export function isRecord(value: unknown): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
