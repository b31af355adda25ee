import type { Store } from "../store/connect.ts";
import type { CustomerDoc } from "../store/documents.ts";

export interface CustomerStore {
  find(id: string): Promise<CustomerDoc | null>;
}

export function createCustomerStore(store: Store): CustomerStore {
  return { find: (id) => store.collections.customers.findOne({ _id: id }) };
}
