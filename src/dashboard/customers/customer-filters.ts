import type { CustomerFilter } from "../api/customers.ts";

export const SORTS = ["user_id", "created_at", "spend", "utilization", "last_call_at"] as const;
export const DEFAULT_SORT = "spend";
export const PAGE_SIZE = 50;

/** What the address says about which customers are shown, for the list and for its export. */
export function readCustomerFilter(get: (name: string) => string | null): CustomerFilter & {
  readonly sort: string;
  readonly order: "asc" | "desc";
} {
  const sort = get("sort") ?? DEFAULT_SORT;
  const usual = sort === "user_id" ? "asc" : "desc";
  const order = get("order") ?? usual;
  return {
    search: get("search"),
    budget_id: get("budget_id"),
    blocked: get("blocked"),
    sort: SORTS.some((known) => known === sort) ? sort : DEFAULT_SORT,
    order: order === "asc" ? "asc" : "desc",
  };
}
