import { useState } from "preact/hooks";
import type { Customer } from "../api/schemas/customers.ts";

/** The most that the server changes at once. */
export const MOST_SELECTED = 1000;

/** Selected customers, also of pages that are no longer on show. */
export interface Selection {
  readonly chosen: ReadonlyMap<string, Customer>;
  readonly toggle: (rows: readonly Customer[], on: boolean) => void;
  readonly clear: () => void;
}

export function useSelection(): Selection {
  const [chosen, setChosen] = useState<ReadonlyMap<string, Customer>>(new Map());
  return {
    chosen,
    toggle: (rows, on) => {
      const next = new Map(chosen);
      for (const row of rows) {
        if (!on) next.delete(row.user_id);
        else if (next.size < MOST_SELECTED) next.set(row.user_id, row);
      }
      setChosen(next);
    },
    clear: () => setChosen(new Map()),
  };
}
