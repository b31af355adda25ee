import type { Answer } from "./send.ts";

/** One page of a list. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** Lists that come as {data, next_cursor}. */
export interface Paged<Row> {
  readonly data: readonly Row[];
  readonly next_cursor: string | null;
}

export function pageOf<Row>({ body }: Answer<Paged<Row>>): Page<Row> {
  return { rows: body.data, nextCursor: body.next_cursor };
}
