/** Where a page ended, as text that callers hand back and need not understand. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}

/** The kinds of a position's parts: a whole number (an instant as epoch milliseconds among them), or any. */
export type CursorShape = readonly ("text" | "integer" | "number")[];

const LATEST_INSTANT = 8.64e15;

/** Null for anything that `encodeCursor` did not make of a position of this shape. */
export function decodeCursor(text: string, shape: CursorShape): (string | number)[] | null {
  try {
    const position: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    const valid =
      Array.isArray(position) &&
      position.length === shape.length &&
      position.every((part: unknown, index) => fits(part, shape[index]));
    return valid ? position : null;
  } catch {
    // Not JSON: not ours.
    return null;
  }
}

function fits(part: unknown, kind: CursorShape[number] | undefined): boolean {
  if (kind === "text") return typeof part === "string" && part.isWellFormed();
  if (kind === "number") return Number.isFinite(part);
  return Number.isSafeInteger(part) && Math.abs(Number(part)) <= LATEST_INSTANT;
}
