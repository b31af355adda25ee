import type { z } from "zod";

export type Issue = z.core.$ZodIssue;

/**
 * Where a value has the type of only one of several alternatives, what is wrong with it there is told, instead
 * of the choice.
 */
export function plainIssues(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "invalid_union") return [issue];
    const fitting = issue.errors.filter(
      (alternative) => !alternative.some(({ code, path }) => path.length === 0 && MISFITS.has(code)),
    );
    const [only] = fitting;
    if (only === undefined || fitting.length > 1) return [issue];
    return plainIssues(only.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })));
  });
}

const MISFITS: ReadonlySet<string> = new Set(["invalid_type", "invalid_union"]);

/** What stands at a path of the input. */
export function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const step of path) {
    if (value === null || typeof value !== "object") return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

/** A value in a message: short, and never the whole of a large one. */
export function describe(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}
