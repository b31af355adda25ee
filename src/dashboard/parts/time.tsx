import { formatAgo, formatInstant, formatSpan } from "../format/dates.ts";
import { useNow } from "./use-now.ts";

/** "4 min ago", with the full date when it is pointed at. */
export function Ago({ at, none = "never" }: { at: string | null; none?: string }) {
  const now = useNow();
  if (at === null) return <span class="muted">{none}</span>;
  return (
    <time dateTime={at} title={formatInstant(at)}>
      {formatAgo(at, now)}
    </time>
  );
}

/** "in 3 d 4 h", with the full date when it is pointed at. */
export function Until({ at, none = "never" }: { at: string | null; none?: string }) {
  const now = useNow(1000);
  if (at === null) return <span class="muted">{none}</span>;
  const left = Date.parse(at) - now;
  return (
    <time dateTime={at} title={formatInstant(at)}>
      {left <= 0 ? "now" : `in ${formatSpan(left)}`}
    </time>
  );
}
