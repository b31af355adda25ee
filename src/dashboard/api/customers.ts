import type { z } from "zod";
import type { newCustomerSchema, updateCustomerSchema } from "../../customers/customer-fields.ts";
import { type Page, type Paged, pageOf } from "./page.ts";
import type { Call, Customer, CustomerDetail, Day, Explanation, Moved } from "./schemas/customers.ts";
import type { EventBody } from "./schemas/webhooks.ts";
import type { Query, Send } from "./send.ts";

export type NewCustomer = z.input<typeof newCustomerSchema>;
export type CustomerChange = z.input<typeof updateCustomerSchema>;

/** What filters the list of customers, here and in its export. */
export interface CustomerFilter extends Query {
  readonly search?: string | null;
  readonly sort?: string | null;
  readonly order?: string | null;
  readonly budget_id?: string | null;
  readonly blocked?: string | null;
}

function customerPath(id: string, rest: string): string {
  return `/customer/${encodeURIComponent(id)}/${rest}`;
}

export function customersApi(send: Send) {
  const post = async <T>(path: string, body: unknown): Promise<T> =>
    (await send<T>({ method: "POST", path, body })).body;

  return {
    list: async (query: Query, signal?: AbortSignal): Promise<Page<Customer>> => {
      const answer = await send<Customer[]>({
        path: "/customer/list",
        query: { held: true, ...query },
        signal,
      });
      return { rows: answer.body, nextCursor: answer.nextCursor };
    },
    show: async (id: string, signal?: AbortSignal): Promise<CustomerDetail> => {
      const query = { end_user_id: id };
      return (await send<CustomerDetail>({ path: "/customer/info", query, signal })).body;
    },
    calls: async (id: string, query: Query, signal?: AbortSignal): Promise<Page<Call>> =>
      pageOf(await send<Paged<Call>>({ path: customerPath(id, "calls"), query, signal })),
    activity: async (id: string, query: { from: string; to: string }, signal?: AbortSignal) => {
      const path = customerPath(id, "activity");
      return (await send<{ days: Day[] }>({ path, query, signal })).body.days;
    },
    events: async (id: string, query: Query, signal?: AbortSignal): Promise<Page<EventBody>> =>
      pageOf(await send<Paged<EventBody>>({ path: customerPath(id, "events"), query, signal })),
    explain: async (requestId: string, signal?: AbortSignal): Promise<Explanation> => {
      const path = `/spend/explain/${encodeURIComponent(requestId)}`;
      return (await send<Explanation>({ path, signal })).body;
    },
    create: (body: NewCustomer) => post<Customer>("/customer/new", body),
    update: (body: CustomerChange) => post<Customer>("/customer/update", body),
    block: (ids: readonly string[]) => post<object>("/customer/block", { user_ids: ids }),
    unblock: (ids: readonly string[]) => post<object>("/customer/unblock", { user_ids: ids }),
    move: (ids: readonly string[], budgetId: string | null) =>
      post<Moved>("/customer/move", { user_ids: ids, budget_id: budgetId }),
  };
}
