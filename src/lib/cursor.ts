/** Where a page ended, as text that callers hand back and need not understand. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}

/** The kinds of a position's parts; an instant is epoch milliseconds. */
export type CursorShape = readonly ("text" | "instant")[];

const LATEST_INSTANT = 8.64e15;

/** Null for anything that `encodeCursor` did not make of a position of this shape. */
export function decodeCursor(text: string, shape: CursorShape): (string | number)[] | null {
  try {
    const position: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    const valid =
      Array.isArray(position) &&
      position.length === shape.length &&
      position.every((part: unknown, index) =>
        shape[index] === "text"
          ? typeof part === "string" && part.isWellFormed()
          : Number.isSafeInteger(part) && Math.abs(Number(part)) <= LATEST_INSTANT,
      );
    return valid ? position : null;
  } catch {
    // Not JSON: not ours.
    return null;
  }
}
