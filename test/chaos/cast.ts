import { USD } from "./billing-upstream.ts";

/** The kinds of customers, told apart by what must never happen to them. */
export type Role =
  | "free"
  | "hard"
  | "soft"
  | "tier"
  | "paced"
  | "single"
  | "picky"
  | "blocked"
  | "toggled"
  | "spent"
  | "newcomer";

interface RoleRow {
  readonly role: Role;
  /** How much of the load is theirs. */
  readonly weight: number;
  /** How many customers; newcomers are others in every round. */
  readonly size: number;
}

export const ROLES: readonly RoleRow[] = [
  { role: "free", weight: 10, size: 4 },
  { role: "hard", weight: 5, size: 2 },
  { role: "soft", weight: 3, size: 1 },
  { role: "tier", weight: 4, size: 2 },
  { role: "paced", weight: 2, size: 1 },
  { role: "single", weight: 3, size: 1 },
  { role: "picky", weight: 2, size: 1 },
  { role: "blocked", weight: 2, size: 1 },
  { role: "toggled", weight: 3, size: 1 },
  { role: "spent", weight: 3, size: 1 },
  { role: "newcomer", weight: 4, size: 3 },
];

export const DEFAULT_TIER = "trial";
export const RPM_LIMIT = 30;
export const PARALLEL_LIMIT = 2;

/** USD that a customer of the role may spend in all; null = no budget. An operator may raise it later. */
export const BUDGETS: Readonly<Record<Role, number | null>> = {
  free: null,
  hard: 0.5,
  soft: 0.3,
  tier: 0.8,
  paced: null,
  single: null,
  picky: null,
  blocked: null,
  toggled: null,
  spent: 0.05,
  newcomer: 0.3,
};

export const usdNano = (usd: number): bigint => BigInt(Math.round(usd * 1000)) * (USD / 1000n);

/** The id of the which-th customer of a role, in a round. */
export function customerIdOf(role: Role, which: number, round: number): string {
  const size = ROLES.find((row) => row.role === role)?.size ?? 1;
  return role === "newcomer" ? `newcomer-${round}-${which % size}` : `${role}-${which % size}`;
}

export function roleOf(customerId: string): Role {
  return customerId.split("-")[0] as Role;
}

type Send = (path: string, body: object) => Promise<void>;

/** Makes everybody who is known from the beginning. */
export async function makeCast(send: Send): Promise<void> {
  await send("/budget/new", { budget_id: DEFAULT_TIER, max_budget: BUDGETS.newcomer });
  await send("/budget/new", { budget_id: "shared", max_budget: BUDGETS.tier });
  await send("/budget/new", { budget_id: "endless" });
  const fields: Readonly<Record<Exclude<Role, "newcomer">, object>> = {
    free: { budget_id: "endless" },
    hard: { max_budget: BUDGETS.hard },
    soft: { max_budget: BUDGETS.soft, budget_enforcement: "soft" },
    tier: { budget_id: "shared" },
    paced: { rpm_limit: RPM_LIMIT },
    single: { max_parallel_requests: PARALLEL_LIMIT },
    picky: { budget_id: "endless", models: ["paid"] },
    blocked: { budget_id: "endless", blocked: true },
    toggled: { budget_id: "endless" },
    spent: { max_budget: BUDGETS.spent },
  };
  for (const { role, size } of ROLES) {
    if (role === "newcomer") continue;
    for (let which = 0; which < size; which++) {
      await send("/customer/new", { user_id: customerIdOf(role, which, 0), ...fields[role] });
    }
  }
}
