import type { Query } from "../api/send.ts";
import { DELIVERY_STATES } from "./delivery-states.ts";
import { SearchBox } from "../customers/search-box.tsx";
import { EVENT_TYPES } from "../format/event-text.ts";
import { FilterSelect } from "../parts/filter-select.tsx";
import type { FilterState } from "../routing/use-place.ts";

const NAMES = ["customer_id", "event", "state", "endpoint_id", "from", "to"] as const;

export function isFiltered(get: (name: string) => string | null): boolean {
  return NAMES.some((name) => get(name) !== null);
}

/** What the address says about which events are shown. Days are UTC, and both included. */
export function readEventFilter(get: (name: string) => string | null): Query {
  const from = get("from");
  const to = get("to");
  return {
    customer_id: get("customer_id"),
    event: get("event"),
    state: get("state"),
    endpoint_id: get("endpoint_id"),
    from: from === null ? null : `${from}T00:00:00.000Z`,
    to: to === null ? null : `${to}T23:59:59.999Z`,
  };
}

export function EventFilters({ filters, endpoints }: { filters: FilterState; endpoints: readonly string[] }) {
  const choose = (none: string, values: readonly string[], text = (value: string): string => value) => [
    { value: "", label: none },
    ...values.map((value) => ({ value, label: text(value) })),
  ];
  return (
    <div class="filters" role="search" aria-label="Events">
      <SearchBox filters={filters} name="customer_id" label="Customer id" />
      <FilterSelect filters={filters} name="event" label="Type" choices={choose("Any type", EVENT_TYPES)} />
      <FilterSelect
        filters={filters}
        name="state"
        label="State"
        choices={choose(
          "Any state",
          Object.keys(DELIVERY_STATES),
          (state) => DELIVERY_STATES[state] ?? state,
        )}
      />
      <FilterSelect
        filters={filters}
        name="endpoint_id"
        label="Endpoint"
        choices={choose("Any endpoint", endpoints)}
      />
      <div class="filter-days">
        <DayFilter filters={filters} name="from" label="From" />
        <DayFilter filters={filters} name="to" label="to" />
      </div>
    </div>
  );
}

function DayFilter({ filters, name, label }: { filters: FilterState; name: "from" | "to"; label: string }) {
  return (
    <label class="filter-day">
      <span>
        {label}
        <span class="visually-hidden"> (UTC day)</span>
      </span>
      <input
        type="date"
        value={filters.get(name) ?? ""}
        onChange={(event) => filters.set({ [name]: event.currentTarget.value, cursor: null })}
      />
    </label>
  );
}
