import { budgetsApi } from "./budgets.ts";
import { customersApi } from "./customers.ts";
import { type Page, type Paged, pageOf } from "./page.ts";
import type { AuditEntry } from "./schemas/audit.ts";
import type { Model, Overview } from "./schemas/overview.ts";
import type { Send } from "./send.ts";
import { deliveriesApi, endpointsApi } from "./webhooks.ts";

/** Every request that the dashboard makes, by what it is about. All throw ApiError. */
export function createApi(send: Send) {
  return {
    customers: customersApi(send),
    budgets: budgetsApi(send),
    endpoints: endpointsApi(send),
    deliveries: deliveriesApi(send),
    overview: async (range: { from: string; to: string }, signal?: AbortSignal): Promise<Overview> =>
      (await send<Overview>({ path: "/spend/overview", query: range, signal })).body,
    /** What operators changed about one thing, newest first. */
    audit: async (targetId: string, limit: number, signal?: AbortSignal): Promise<Page<AuditEntry>> =>
      pageOf(
        await send<Paged<AuditEntry>>({ path: "/audit", query: { target_id: targetId, limit }, signal }),
      ),
    models: async (signal?: AbortSignal): Promise<Model[]> =>
      (await send<{ data: Model[] }>({ path: "/model/info", signal })).body.data,
  };
}

export type Api = ReturnType<typeof createApi>;
