import { useRef } from "preact/hooks";
import type { FilterState } from "../routing/use-place.ts";
import { Icon } from "./icon.tsx";

interface PagerProps {
  readonly filters: FilterState;
  readonly shown: number;
  readonly noun: string;
  readonly nextCursor: string | null;
}

/**
 * Pages by cursor, which is in the address. Cursors only point forward, so the way back is the one that
 * was come by; after a deep link it is the first page.
 */
export function Pager({ filters, shown, noun, nextCursor }: PagerProps) {
  const visited = useRef<(string | null)[]>([null]);
  const cursor = filters.get("cursor");
  const at = visited.current.indexOf(cursor);
  const before = (): void => filters.set({ cursor: visited.current[at - 1] ?? null });
  const next = (): void => {
    visited.current = [...visited.current.slice(0, at + 1), nextCursor];
    filters.set({ cursor: nextCursor });
  };
  if (cursor === null && nextCursor === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <span class="muted">
        {shown} {noun} on this page
      </span>
      <button type="button" class="button" onClick={before} disabled={cursor === null}>
        <Icon name="left" /> Previous
      </button>
      <button type="button" class="button" onClick={next} disabled={nextCursor === null}>
        Next <Icon name="right" />
      </button>
    </nav>
  );
}
