import { isDeepStrictEqual } from "node:util";
import { type BudgetCalendar, parseBudgetDuration, periodAt } from "../../spend/periods.ts";
import type { BudgetDoc } from "../../store/documents.ts";
import { laterThan } from "../admin.ts";
import { changeLimits, NO_LIMITS } from "../budget-fields.ts";
import type { IncomingBudget } from "./litellm-budget.ts";

export type Outcome = "created" | "updated" | "unchanged";

/** Who has made what the import has made. */
export const IMPORTER = "import";

/** What a budget becomes. An existing one keeps its anchor and whose it is. */
export function planBudget(
  incoming: IncomingBudget,
  known: BudgetDoc | null,
  { now, calendar }: { now: Date; calendar: BudgetCalendar },
): { outcome: Outcome; budget: BudgetDoc } {
  const duration = incoming.fields.budget_duration ?? null;
  const { createdAt, resetAt } =
    known === null
      ? continuePeriod(incoming, duration, { now, calendar })
      : {
          createdAt: known.createdAt,
          resetAt: changedReset(incoming, known, { now, calendar }),
        };
  const limits = changeLimits(known ?? NO_LIMITS, {
    ...incoming.fields,
    budget_reset_at: resetAt && resetAt.toISOString(),
  });
  if (known !== null && isDeepStrictEqual(limits, limitsOf(known)))
    return { outcome: "unchanged", budget: known };
  return {
    outcome: known === null ? "created" : "updated",
    budget: {
      ...limits,
      _id: incoming.id,
      customerId: known?.customerId ?? null,
      createdAt,
      createdBy: known?.createdBy ?? incoming.createdBy ?? IMPORTER,
      updatedAt: known === null ? now : laterThan(known.updatedAt, now),
      updatedBy: IMPORTER,
    },
  };
}

function limitsOf(budget: BudgetDoc): Partial<BudgetDoc> {
  const names = Object.keys(NO_LIMITS) as (keyof typeof NO_LIMITS)[];
  return Object.fromEntries(names.map((name) => [name, budget[name]]));
}

/** Undefined: the reset stays as it is. A reset that has passed tells nothing; the calendar knows the next. */
function changedReset(
  { resetAt, fields }: IncomingBudget,
  known: BudgetDoc,
  { now, calendar }: { now: Date; calendar: BudgetCalendar },
): Date | null | undefined {
  if (resetAt === null || resetAt <= now) return undefined;
  if (known.firstResetAt?.getTime() === resetAt.getTime()) return resetAt;
  const duration = fields.budget_duration === undefined ? known.budgetDuration : fields.budget_duration;
  return endOf(duration, known.createdAt, { now, calendar }) === resetAt.getTime() ? null : resetAt;
}

/**
 * The running period ends when LiteLLM would have ended it. Where the calendar alone does not say so, the
 * budget is dated to the period's beginning, so that later ones follow in its step (14d from the 3rd, say).
 */
function continuePeriod(
  { resetAt, createdAt: written }: IncomingBudget,
  duration: string | null,
  { now, calendar }: { now: Date; calendar: BudgetCalendar },
): { createdAt: Date; resetAt: Date | null } {
  const createdAt = written === null || written > now ? now : written;
  if (resetAt === null || resetAt <= now) return { createdAt, resetAt: null };
  const parsed = duration === null ? null : parseBudgetDuration(duration);
  if (parsed === null) return { createdAt, resetAt };
  if (endOf(duration, createdAt, { now, calendar }) === resetAt.getTime())
    return { createdAt, resetAt: null };
  const { start } = periodAt(parsed, resetAt, calendar, now);
  const anchor = start > createdAt && start <= now ? start : createdAt;
  const meets = endOf(duration, anchor, { now, calendar }) === resetAt.getTime();
  return { createdAt: anchor, resetAt: meets ? null : resetAt };
}

function endOf(
  duration: string | null,
  anchor: Date,
  { now, calendar }: { now: Date; calendar: BudgetCalendar },
): number | null {
  const parsed = duration === null ? null : parseBudgetDuration(duration);
  return parsed === null ? null : periodAt(parsed, anchor, calendar, now).end.getTime();
}
