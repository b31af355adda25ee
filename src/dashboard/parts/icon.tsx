/** Strokes on a 16 × 16 grid. */
const PATHS = {
  overview: "M2.5 13.5v-6M6.2 13.5v-11M9.8 13.5v-8M13.5 13.5v-4.5",
  customers:
    "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM1.5 13.5c.3-2.5 2.1-3.8 4.5-3.8s4.2 1.3 4.5 3.8M11 2.8a2.3 2.3 0 0 1 0 4.4M12.3 10c1.3.5 2.1 1.7 2.2 3.5",
  budgets: "M2 4.5h12v8.5H2zM2 7.5h12M4.5 10.5h2.5",
  events: "M9 1.5 3 9h4.5L7 14.5 13 7H8.5z",
  endpoints:
    "M8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6ZM4.5 11.5a5 5 0 0 1 0-7M11.5 4.5a5 5 0 0 1 0 7M2.3 13.7a8 8 0 0 1 0-11.4M13.7 2.3a8 8 0 0 1 0 11.4",
  models: "M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.7 10.7 14 14",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5 6.5 12 13 4.5",
  alert: "M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  download: "M8 2v8M4.7 7 8 10.3 11.3 7M2.5 13.5h11",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13",
  moon: "M13.5 9.8A5.8 5.8 0 0 1 6.2 2.5a5.8 5.8 0 1 0 7.3 7.3Z",
  exit: "M6.5 2.5h-4v11h4M6.5 8h7.5M11 5l3 3-3 3",
  left: "M10 3 5 8l5 5",
  right: "M6 3l5 5-5 5",
  up: "M8 13V3.5M4 7l4-4 4 4",
  down: "M8 3v9.5M4 9l4 4 4-4",
  refresh: "M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 1.8v3h-3",
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside a text that says the same: screen readers skip it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
