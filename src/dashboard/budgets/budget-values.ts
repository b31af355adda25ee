import type { BudgetFields } from "../api/budgets.ts";
import { ApiError } from "../api/api-error.ts";
import type { Budget } from "../api/schemas/budgets.ts";
import { orNull } from "../parts/typed-text.ts";

/** A budget as its form holds one: text in every field, nothing for no limit. */
export type BudgetValues = Readonly<
  Record<
    | "budget_id"
    | "max_budget"
    | "soft_budget"
    | "budget_duration"
    | "custom_duration"
    | "tpm_limit"
    | "rpm_limit"
    | "max_parallel_requests"
    | "thresholds"
    | "budget_enforcement",
    string
  >
>;

export const CUSTOM = "custom";
export const DURATIONS = [
  { value: "", label: "Never" },
  { value: "1d", label: "Daily" },
  { value: "7d", label: "Weekly, on Monday" },
  { value: "1mo", label: "Monthly, on the 1st" },
  { value: CUSTOM, label: "Other …" },
] as const;

export const NEW_BUDGET: BudgetValues = {
  budget_id: "",
  max_budget: "",
  soft_budget: "",
  budget_duration: "",
  custom_duration: "",
  tpm_limit: "",
  rpm_limit: "",
  max_parallel_requests: "",
  thresholds: "",
  budget_enforcement: "",
};

const text = (value: string | number | null): string => (value === null ? "" : plain(value));

export function valuesOf(budget: Budget): BudgetValues {
  const duration = budget.budget_duration ?? "";
  const isUsual = DURATIONS.some(({ value }) => value === duration);
  return {
    budget_id: budget.budget_id,
    max_budget: text(budget.max_budget),
    soft_budget: text(budget.soft_budget),
    budget_duration: isUsual ? duration : CUSTOM,
    custom_duration: isUsual ? "" : duration,
    tpm_limit: text(budget.tpm_limit),
    rpm_limit: text(budget.rpm_limit),
    max_parallel_requests: text(budget.max_parallel_requests),
    thresholds: (budget.thresholds ?? []).map(percentText).join(", "),
    budget_enforcement: budget.budget_enforcement,
  };
}

/**
 * The form as a request. Amounts go as they were typed: the server reads them exactly, and says what is
 * wrong with them.
 */
export function requestOf(values: BudgetValues): BudgetFields {
  const duration = values.budget_duration === CUSTOM ? values.custom_duration : values.budget_duration;
  return {
    budget_id: orNull(values.budget_id),
    max_budget: orNull(values.max_budget),
    soft_budget: orNull(values.soft_budget),
    budget_duration: values.budget_duration === CUSTOM ? duration.trim() : orNull(duration),
    tpm_limit: orNull(values.tpm_limit),
    rpm_limit: orNull(values.rpm_limit),
    max_parallel_requests: orNull(values.max_parallel_requests),
    thresholds: readThresholds(values.thresholds),
    budget_enforcement: enforcement(values.budget_enforcement),
  };
}

function enforcement(value: string): "hard" | "soft" | null {
  return value === "hard" || value === "soft" ? value : null;
}

/** "85, 95" as shares; null for nothing. Throws ApiError for what is no number. */
function readThresholds(typed: string): number[] | null {
  const words = typed.split(/[\s,;%]+/).filter((word) => word !== "");
  if (words.length === 0) return null;
  return words.map((word) => {
    const percent = Number(word);
    if (Number.isNaN(percent)) {
      const message = `A threshold is a percentage, such as 85; got "${word}"`;
      throw new ApiError(message, { status: 422, fields: new Map([["thresholds", message]]) });
    }
    // Binary fractions: 28.7 / 100 is 0.28700000000000003.
    return Number((percent / 100).toFixed(8));
  });
}

export function percentText(share: number): string {
  return plain(Number((share * 100).toFixed(6)));
}

/** Without exponent: 1e-7 is not what anyone types. */
function plain(value: string | number): string {
  if (typeof value === "string") return value;
  return value.toLocaleString("en-US", { maximumFractionDigits: 9, useGrouping: false });
}
