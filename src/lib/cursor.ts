/** Where a page ended, as text that callers hand back and need not understand. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}

/** Null for anything that `encodeCursor` did not make. */
export function decodeCursor(text: string): (string | number)[] | null {
  try {
    const position: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    const valid =
      Array.isArray(position) &&
      position.every((part) => typeof part === "string" || typeof part === "number");
    return valid ? position : null;
  } catch {
    // Not JSON: not ours.
    return null;
  }
}
