import { type Bounds, excludesMissing } from "./bounds.ts";
import { typeByte, encodeKey } from "./keys.ts";
import { conjuncts, holds } from "./match.ts";
import type { Condition } from "./match.ts";
import { setField } from "./paths.ts";
import type { Document } from "./bson-codec.ts";

/**
 * Whether a filter can only match documents that a partial index holds. Errs towards no: then the
 * index is not used, and the answer is still right.
 */
export function implies(
  conditions: readonly Condition[],
  bounds: ReadonlyMap<string, Bounds>,
  partial: Condition,
): boolean {
  return conjuncts(partial).every((required) => {
    if (required.kind === "or")
      return required.conditions.some((branch) => implies(conditions, bounds, branch));
    return required.kind === "field" && impliesField(conditions, bounds.get(required.path), required);
  });
}

type FieldCondition = Extract<Condition, { kind: "field" }>;

function impliesField(
  conditions: readonly Condition[],
  bounds: Bounds | undefined,
  required: FieldCondition,
): boolean {
  if (conditions.some((condition) => condition.kind === "field" && isSame(condition, required))) return true;
  // Null stands for missing as well, which the required condition may tell apart.
  if (bounds === undefined || !excludesMissing(bounds)) return false;
  if (bounds.kind === "points") return bounds.values.every((value) => satisfies(value, required));
  if (required.operator === "$exists") return true;
  return impliesRange(bounds, required);
}

function satisfies(value: unknown, required: FieldCondition): boolean {
  const document: Document = {};
  const parts = required.path.split(".");
  let node = document;
  for (const part of parts.slice(0, -1)) {
    const child: Document = {};
    setField(node, part, child);
    node = child;
  }
  setField(node, parts.at(-1) ?? "", value);
  return holds(required, document);
}

function impliesRange(bounds: Extract<Bounds, { kind: "range" }>, required: FieldCondition): boolean {
  const { operator, operand } = required;
  if (operand === null || operand === undefined || typeByte(operand) !== bounds.lower.key[0]) return false;
  const key = encodeKey(operand);
  switch (operator) {
    case "$gt":
      return Buffer.compare(bounds.lower.key, key) > 0;
    case "$gte":
      return Buffer.compare(bounds.lower.key, key) >= 0;
    case "$lt":
      return bounds.upper.key.length > 1 && Buffer.compare(bounds.upper.key, key) < 0;
    case "$lte":
      return bounds.upper.key.length > 1 && Buffer.compare(bounds.upper.key, key) <= 0;
    default:
      return false;
  }
}

function isSame(a: FieldCondition, b: FieldCondition): boolean {
  if (a.path !== b.path || a.operator !== b.operator) return false;
  return a.operand === b.operand || encodeKey(a.operand ?? null).equals(encodeKey(b.operand ?? null));
}
