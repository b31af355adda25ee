import type { AccountDoc, AlertDoc, BudgetEventType, ModelSpendDoc } from "../store/documents.ts";
import type { BudgetTerms } from "./budget-terms.ts";
import type { Period } from "./periods.ts";

/** A customer's spend, as plain values: every change gives a new one. */
export type Account = Readonly<AccountDoc>;

export const NEW_ACCOUNT: Account = {
  spendNano: 0n,
  lifetimeSpendNano: 0n,
  sequence: 0n,
  spendFromSequence: 0n,
  spendOffsetNano: 0n,
  periodStart: null,
  periodEnd: null,
  alerts: [],
  modelSpend: [],
};

/** Something about a budget that its operator is told. */
export interface BudgetFact {
  readonly type: BudgetEventType;
  /** True: the spend is under this limit again. */
  readonly resolved: boolean;
  /** The limit in question; null for budget_reset. */
  readonly limitNano: bigint | null;
  readonly share: number | null;
  /** Spend of the period at this moment; for budget_reset, of the period that has ended. */
  readonly spendNano: bigint;
  readonly projectedNano: bigint | null;
  readonly projectedExceededAt: Date | null;
}

export interface AccountChange {
  readonly account: Account;
  readonly facts: readonly BudgetFact[];
}

const DAY_MS = 86_400_000;
/** A projection from less than this share of a period says nothing. */
const PROJECT_FROM_SHARE = 0.1;

/**
 * Brings an account up to an instant: a period that has ended begins anew, and limits that the spend has
 * passed, or is under again, are told. Doing it twice changes nothing more.
 */
export function reviewAccount(account: Account, terms: BudgetTerms | null, now: Date): AccountChange {
  const rolled = rollAccount(account, terms, now);
  const told = tellLimits(rolled.account, terms, now);
  return { account: told.account, facts: [...rolled.facts, ...told.facts] };
}

/**
 * Adds one charge. `late` says that it was made before the current period began: it counts for life, but
 * not in this period.
 */
export function addCharge(
  account: Account,
  charge: { costNano: bigint; model: string; occurredAt: Date },
  terms: BudgetTerms | null,
  now: Date,
): AccountChange & { readonly late: boolean } {
  const rolled = rollAccount(account, terms, now);
  const start = rolled.account.periodStart;
  const late = start !== null && charge.occurredAt < start;
  const charged: Account = {
    ...rolled.account,
    spendNano: rolled.account.spendNano + (late ? 0n : charge.costNano),
    lifetimeSpendNano: rolled.account.lifetimeSpendNano + charge.costNano,
    sequence: rolled.account.sequence + 1n,
    modelSpend: chargeModel(rolled.account.modelSpend, charge),
  };
  const told = tellLimits(charged, terms, now);
  return { account: told.account, facts: [...rolled.facts, ...told.facts], late };
}

function chargeModel(
  spends: readonly ModelSpendDoc[],
  charge: { costNano: bigint; model: string; occurredAt: Date },
): ModelSpendDoc[] {
  return spends.map((spend) =>
    spend.model === charge.model && (spend.periodStart === null || charge.occurredAt >= spend.periodStart)
      ? { ...spend, spendNano: spend.spendNano + charge.costNano }
      : spend,
  );
}

/** A period that has ended is over; one whose budget was changed goes on with its spend, under new dates. */
function rollAccount(account: Account, terms: BudgetTerms | null, now: Date): AccountChange {
  const period = terms?.periodOf(now) ?? null;
  const ended = account.periodEnd !== null && account.periodEnd <= now;
  const modelSpend = rollModels(account.modelSpend, terms, now);
  const current: Account = { ...account, ...datesOf(period), modelSpend };
  if (!ended) return { account: current, facts: [] };
  const resolved = account.alerts.map((alert) => factOf(alert, { spendNano: 0n, resolved: true }));
  const reset: BudgetFact = {
    type: "budget_reset",
    resolved: false,
    limitNano: null,
    share: null,
    spendNano: account.spendNano,
    projectedNano: null,
    projectedExceededAt: null,
  };
  return {
    account: {
      ...current,
      spendNano: 0n,
      spendFromSequence: account.sequence,
      spendOffsetNano: 0n,
      alerts: [],
    },
    facts: [reset, ...resolved],
  };
}

function rollModels(spends: readonly ModelSpendDoc[], terms: BudgetTerms | null, now: Date): ModelSpendDoc[] {
  return (terms?.models ?? []).map(({ model, periodOf }) => {
    const known = spends.find((spend) => spend.model === model);
    const ended = known?.periodEnd !== null && known?.periodEnd !== undefined && known.periodEnd <= now;
    const spendNano = known === undefined || ended ? 0n : known.spendNano;
    return { model, spendNano, ...datesOf(periodOf(now)) };
  });
}

function datesOf(period: Period | null): { periodStart: Date | null; periodEnd: Date | null } {
  return { periodStart: period?.start ?? null, periodEnd: period?.end ?? null };
}

/** Compares the spend with every limit; tells each passing, and each coming back, once. */
function tellLimits(account: Account, terms: BudgetTerms | null, now: Date): AccountChange {
  const { spendNano } = account;
  const known = new Map(account.alerts.map((alert) => [alert.name, alert]));
  const alerts: AlertDoc[] = [];
  const facts: BudgetFact[] = [];
  for (const { name, limitNano } of terms?.alertLimits ?? []) {
    if (spendNano < limitNano || spendNano === 0n) continue;
    const alert = known.get(name) ?? { name, limitNano };
    alerts.push(alert);
    if (!known.has(name)) facts.push(factOf(alert, { spendNano, resolved: false }));
  }
  const projection = terms === null ? null : project(account, terms, now);
  const projected = known.get(PROJECTED);
  if (projection !== null) {
    alerts.push({ name: PROJECTED, limitNano: projection.limitNano });
    if (projected === undefined) {
      facts.push({
        ...factOf({ name: PROJECTED, limitNano: projection.limitNano }, { spendNano, resolved: false }),
        ...projection,
      });
    }
  } else if (projected !== undefined && projectLimit(terms) === projected.limitNano) {
    // A slower pace alone does not take the warning back: it would come and go with every call.
    alerts.push(projected);
  }
  const stays = new Set(alerts.map(({ name }) => name));
  for (const alert of account.alerts) {
    if (!stays.has(alert.name)) facts.push(factOf(alert, { spendNano, resolved: true }));
  }
  return { account: { ...account, alerts }, facts };
}

const PROJECTED = "projected";

/** The limit that a projection is held against. */
export function projectLimit(terms: BudgetTerms | null): bigint | null {
  return terms?.maxNano ?? terms?.softNano ?? null;
}

export interface Projection {
  /** The period's spend at its end, at the pace so far. */
  readonly projectedNano: bigint;
  /** When the spend would reach a limit; of use only while there is any spend. */
  readonly reachesAt: (limitNano: bigint) => Date;
}

/** Where the period would end at its pace so far; null without a period, or too early in it to say. */
export function projectPeriod(
  { periodStart, periodEnd, spendNano }: Pick<Account, "periodStart" | "periodEnd" | "spendNano">,
  now: Date,
): Projection | null {
  if (periodStart === null || periodEnd === null) return null;
  const lengthMs = periodEnd.getTime() - periodStart.getTime();
  const elapsedMs = now.getTime() - periodStart.getTime();
  if (elapsedMs <= 0 || (elapsedMs < DAY_MS && elapsedMs < lengthMs * PROJECT_FROM_SHARE)) return null;
  return {
    projectedNano: (spendNano * BigInt(lengthMs)) / BigInt(elapsedMs),
    reachesAt: (limitNano) =>
      new Date(periodStart.getTime() + Number((limitNano * BigInt(elapsedMs)) / spendNano)),
  };
}

/** The limit that the period would pass at its pace so far; null while it would not, or too early to say. */
function project(
  account: Account,
  terms: BudgetTerms,
  now: Date,
): { limitNano: bigint; projectedNano: bigint; projectedExceededAt: Date } | null {
  const limitNano = projectLimit(terms);
  // Past the limit there is nothing left to foretell.
  if (limitNano === null || account.spendNano === 0n || account.spendNano >= limitNano) return null;
  const projection = projectPeriod(account, now);
  if (projection === null || projection.projectedNano <= limitNano) return null;
  const { projectedNano } = projection;
  return { limitNano, projectedNano, projectedExceededAt: projection.reachesAt(limitNano) };
}

const TYPES: Readonly<Record<string, BudgetEventType>> = {
  soft: "soft_budget_crossed",
  max: "budget_crossed",
  [PROJECTED]: "projected_limit_exceeded",
};

function factOf(alert: AlertDoc, at: { spendNano: bigint; resolved: boolean }): BudgetFact {
  const share = alert.name.startsWith("threshold:") ? Number(alert.name.slice("threshold:".length)) : null;
  return {
    type: TYPES[alert.name] ?? "threshold_crossed",
    limitNano: alert.limitNano,
    share,
    projectedNano: null,
    projectedExceededAt: null,
    ...at,
  };
}
