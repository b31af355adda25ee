import type { z } from "zod";
import type { newBudgetSchema } from "../../customers/customer-fields.ts";
import type { Budget, BudgetPreview, UsedBudget } from "./schemas/budgets.ts";
import type { Send } from "./send.ts";

export type BudgetFields = z.input<typeof newBudgetSchema>;

export function budgetsApi(send: Send) {
  const post = async <T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> =>
    (await send<T>({ method: "POST", path, body, signal })).body;

  return {
    /** Every tier, with its customers counted. */
    list: async (signal?: AbortSignal): Promise<UsedBudget[]> => {
      const all: UsedBudget[] = [];
      let cursor: string | null = null;
      do {
        const query: { usage: boolean; cursor: string | null } = { usage: true, cursor };
        const answer = await send<UsedBudget[]>({ path: "/budget/list", query, signal });
        all.push(...answer.body);
        cursor = answer.nextCursor;
      } while (cursor !== null);
      return all;
    },
    /** Undefined when there is none of that id. */
    show: async (id: string): Promise<Budget | undefined> =>
      (await post<Budget[]>("/budget/info", { budgets: [id] }))[0],
    create: (body: BudgetFields) => post<Budget>("/budget/new", body),
    update: (body: BudgetFields) => post<Budget>("/budget/update", body),
    delete: (id: string) => post<object>("/budget/delete", { id }),
    preview: (id: string, maxBudget: string | null, signal?: AbortSignal) =>
      post<BudgetPreview>("/budget/preview", { budget_id: id, max_budget: maxBudget }, signal),
  };
}
