import { useObserved } from "../use-observed.ts";
import { useServices } from "../services.ts";
import { address, type Filters, type Place } from "./router.ts";

export function usePlace(): Place {
  return useObserved(useServices().router.place);
}

export interface FilterState {
  /** Null when it is not set. */
  readonly get: (name: string) => string | null;
  /** Changes these filters and keeps the others. */
  readonly set: (changes: Filters, how?: { replace: boolean }) => void;
  /** The address of this page with these changes. */
  readonly with: (changes: Filters) => string;
}

/** The filters of the page on show; they live in the address bar. */
export function useFilters(): FilterState {
  const { router } = useServices();
  const place = usePlace();
  const changed = (changes: Filters): string => {
    // Asked anew: two changes may come between two renderings.
    const { page, query } = router.place.get();
    return address(page, { ...Object.fromEntries(query), ...changes });
  };
  return {
    get: (name) => place.query.get(name),
    set: (changes, how) => router.go(changed(changes), how),
    with: changed,
  };
}
