import { useState } from "preact/hooks";
import type { Page } from "../api/page.ts";
import type { CustomerFilter } from "../api/customers.ts";
import type { Customer } from "../api/schemas/customers.ts";
import type { SpendMessage } from "../api/schemas/session.ts";
import { useLive, useLiveReload } from "../parts/use-live.ts";
import { type Loaded, useLoad } from "../parts/use-load.ts";
import { useServices } from "../services.ts";
import { PAGE_SIZE } from "./customer-filters.ts";

const RELOAD_MS = 5000;

/** One page of customers. Spend moves as calls come in; the order only when the page is asked for again. */
export function useCustomers(filter: CustomerFilter, cursor: string | null): Loaded<Page<Customer>> {
  const { api } = useServices();
  const query = { ...filter, cursor, limit: PAGE_SIZE };
  const customers = useLoad(JSON.stringify(query), (signal) => api.customers.list(query, signal));
  const [spent, setSpent] = useState<ReadonlyMap<string, SpendMessage>>(new Map());
  const shown = customers.data?.rows ?? [];
  useLive((message) => {
    if (message.name !== "spend" || !shown.some((row) => row.user_id === message.data.customer_id)) return;
    setSpent((before) => new Map(before).set(message.data.customer_id, message.data));
  });
  useLiveReload(customers.reload, {
    everyMs: RELOAD_MS,
    when: (message) => message.name === "change",
  });
  if (customers.data === null) return customers;
  const rows = shown.map((row) => withSpend(row, spent.get(row.user_id)));
  return { ...customers, data: { ...customers.data, rows } };
}

/** The row with a newer spend, if it is newer. */
function withSpend(row: Customer, message: SpendMessage | undefined): Customer {
  if (message === undefined || message.sequence <= row.sequence) return row;
  const { spend, sequence } = message;
  const utilization =
    row.max_budget === null || row.max_budget === 0 ? row.utilization : spend / row.max_budget;
  return { ...row, spend, sequence, utilization, last_call_at: new Date().toISOString() };
}
