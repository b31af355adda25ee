import type { ComponentChildren } from "preact";

interface StatProps {
  readonly label: string;
  readonly value: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly tone?: "plain" | "warn" | "bad";
}

/** One figure with what it means. */
export function Stat({ label, value, note, tone = "plain" }: StatProps) {
  return (
    <div class="stat">
      <dt>{label}</dt>
      <dd class={`stat-value stat-${tone}`}>{value}</dd>
      {note !== undefined && <dd class="stat-note">{note}</dd>}
    </div>
  );
}
