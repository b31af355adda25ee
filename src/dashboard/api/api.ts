import { budgetsApi } from "./budgets.ts";
import { customersApi } from "./customers.ts";
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
    models: async (signal?: AbortSignal): Promise<Model[]> =>
      (await send<{ data: Model[] }>({ path: "/model/info", signal })).body.data,
  };
}

export type Api = ReturnType<typeof createApi>;
