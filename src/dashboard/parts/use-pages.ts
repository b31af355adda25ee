import { useCallback, useRef, useState } from "preact/hooks";
import type { Page } from "../api/page.ts";
import { type Loaded, useLoad } from "./use-load.ts";

/** A list that grows at its end when the reader asks for more. */
export interface Pages<Row> extends Loaded<readonly Row[]> {
  /** Null when everything is on show. */
  readonly more: (() => void) | null;
}

/** Loads the first page now, and as many as there were on each reload. */
export function usePages<Row>(
  key: string,
  load: (cursor: string | null, signal: AbortSignal) => Promise<Page<Row>>,
): Pages<Row> {
  const [wanted, setWanted] = useState(1);
  const latest = useRef(load);
  latest.current = load;
  const loaded = useLoad(
    `${key} ${wanted}`,
    useCallback(
      async (signal: AbortSignal): Promise<Page<Row>> => {
        const rows: Row[] = [];
        let cursor: string | null = null;
        for (let page = 0; page < wanted; page++) {
          const next: Page<Row> = await latest.current(cursor, signal);
          rows.push(...next.rows);
          cursor = next.nextCursor;
          if (cursor === null) break;
        }
        return { rows, nextCursor: cursor };
      },
      [wanted],
    ),
  );
  const hasMore = loaded.data !== null && loaded.data.nextCursor !== null;
  return {
    ...loaded,
    data: loaded.data?.rows ?? null,
    more: hasMore ? () => setWanted((before) => before + 1) : null,
  };
}
