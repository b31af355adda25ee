/** What was typed, or undefined for nothing: the field is left out of the request. */
export function given(value: string): string | undefined {
  const text = value.trim();
  return text === "" ? undefined : text;
}

/** What was typed, or null for nothing: the field is cleared. */
export function orNull(value: string): string | null {
  return given(value) ?? null;
}
