import type { FilterState } from "../routing/use-place.ts";
import { DEFAULT_DAYS, type DayRange, PRESETS } from "./range.ts";

/** How long back: the last days, or from one day to another. */
export function RangePicker({ filters, range }: { filters: FilterState; range: DayRange }) {
  const isCustom = filters.get("from") !== null;
  const days = Number(filters.get("days") ?? DEFAULT_DAYS);
  const setDay = (change: Partial<DayRange>): void =>
    filters.set({ days: null, ...range, ...change }, { replace: isCustom });
  return (
    <div class="range" role="group" aria-label="Time range">
      <div class="segments">
        {PRESETS.map((preset) => (
          <button
            key={preset}
            type="button"
            class="segment"
            aria-pressed={!isCustom && days === preset}
            onClick={() => filters.set({ days: String(preset), from: null, to: null })}
          >
            {preset} days
          </button>
        ))}
      </div>
      <label class="range-day">
        <span class="visually-hidden">From (UTC)</span>
        <input
          type="date"
          value={range.from}
          max={range.to}
          onChange={(event) => setDay({ from: event.currentTarget.value })}
        />
      </label>
      <span aria-hidden="true">–</span>
      <label class="range-day">
        <span class="visually-hidden">To (UTC)</span>
        <input
          type="date"
          value={range.to}
          min={range.from}
          onChange={(event) => setDay({ to: event.currentTarget.value })}
        />
      </label>
    </div>
  );
}
