import { AppError } from "../errors.ts";
import { type CursorShape, decodeCursor } from "../lib/cursor.ts";

/** Where the last page ended; null = there was none. Throws invalid_cursor for what no page has given out. */
export function readCursor(cursor: string | null, shape: CursorShape): (string | number)[] | null {
  return cursor === null ? null : (decodeCursor(cursor, shape) ?? refuseCursor());
}

export function refuseCursor(): never {
  throw new AppError(
    "invalid_cursor",
    "The cursor is not one of this list: it comes from the page before, asked for with the same sort",
    { param: "cursor" },
  );
}
