import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { compileExpression } from "./aggregate/expression.ts";
import { truthy } from "./aggregate/values.ts";
import { StoreError, notImplemented } from "./errors.ts";
import { leafPredicate, regexPredicate } from "./match-leaf.ts";
import { isRegex } from "./regex.ts";
import { MISSING, someValue } from "./paths.ts";

/** One compiled condition. `field` conditions carry what the planner needs to know about them. */
export type Condition =
  | { kind: "and" | "or" | "nor"; conditions: readonly Condition[] }
  | { kind: "field"; path: string; operator: string; operand: unknown; test: (root: Document) => boolean }
  | { kind: "expression"; test: (root: Document) => boolean };

export interface Matcher {
  readonly condition: Condition;
  /** Top-level fields the filter reads; null when it may read any. */
  readonly roots: ReadonlySet<string> | null;
  test(document: Document): boolean;
}

/** Compiles a query filter. Operators that are not supported are refused by name. */
export function compileMatcher(filter: Document): Matcher {
  const condition = compileFilter(filter);
  const roots = new Set<string>();
  const bounded = collectRoots(condition, roots);
  return { condition, roots: bounded ? roots : null, test: (document) => holds(condition, document) };
}

/** Whether the document satisfies the condition. */
export function holds(condition: Condition, root: Document): boolean {
  switch (condition.kind) {
    case "and":
      return condition.conditions.every((part) => holds(part, root));
    case "or":
      return condition.conditions.some((part) => holds(part, root));
    case "nor":
      return !condition.conditions.some((part) => holds(part, root));
    case "field":
    case "expression":
      break;
  }
  return condition.test(root);
}

/** The conditions that all have to hold, with nested conjunctions opened. */
export function conjuncts(condition: Condition): Condition[] {
  const single = condition.kind === "or" && condition.conditions.length === 1;
  return condition.kind === "and" || single ? condition.conditions.flatMap(conjuncts) : [condition];
}

function collectRoots(condition: Condition, into: Set<string>): boolean {
  switch (condition.kind) {
    case "field":
      into.add(condition.path.split(".", 1)[0] ?? "");
      return true;
    case "expression":
      return false;
    case "and":
    case "or":
    case "nor":
      break;
  }
  return condition.conditions.every((part) => collectRoots(part, into));
}

function compileFilter(filter: unknown): Condition {
  if (!isDocument(filter)) throw new StoreError("BadValue", "a filter must be a document");
  const conditions = Object.entries(filter).flatMap(([key, value]) =>
    key.startsWith("$") ? compileLogical(key, value) : compileField(key, value),
  );
  const only = conditions[0];
  return conditions.length === 1 && only !== undefined ? only : { kind: "and", conditions };
}

function compileLogical(operator: string, operand: unknown): Condition[] {
  switch (operator) {
    case "$and":
    case "$or":
    case "$nor":
      if (!Array.isArray(operand) || operand.length === 0) {
        throw new StoreError("BadValue", `${operator} argument must be a nonempty array`);
      }
      return [
        {
          kind: operator === "$and" ? "and" : operator === "$or" ? "or" : "nor",
          conditions: operand.map(compileFilter),
        },
      ];
    case "$comment":
      return [];
    case "$expr": {
      const evaluate = compileExpression(operand);
      return [{ kind: "expression", test: (root) => truthy(evaluate({ root, variables: {} })) }];
    }
    default:
      throw notImplemented(`query operator ${operator}`);
  }
}

function compileField(path: string, operand: unknown): Condition[] {
  if (isRegex(operand)) return [fieldCondition(path, "$regex", operand, regexPredicate(operand, undefined))];
  if (!isOperatorDocument(operand)) return [compileOperator(path, "$eq", operand, {})];
  return Object.entries(operand)
    .filter(([operator]) => operator !== "$options" || !("$regex" in operand))
    .map(([operator, value]) => compileOperator(path, operator, value, operand));
}

/** `{$gt: 1}` as opposed to a document to compare with. Mixing operators and fields is an error. */
export function isOperatorDocument(value: unknown): value is Document {
  if (!isDocument(value)) return false;
  const keys = Object.keys(value);
  const operators = keys.filter((key) => key.startsWith("$"));
  if (operators.length === 0) return false;
  if (operators.length < keys.length) {
    throw new StoreError("BadValue", `unknown operator: ${keys.find((key) => !key.startsWith("$"))}`);
  }
  return true;
}

function compileOperator(path: string, operator: string, operand: unknown, all: Document): Condition {
  switch (operator) {
    case "$ne":
      return negate(compileOperator(path, "$eq", operand, {}));
    case "$nin":
      return negate(compileOperator(path, "$in", operand, {}));
    case "$not":
      if (!isRegex(operand) && !isOperatorDocument(operand)) {
        throw new StoreError("BadValue", "$not needs a regex or a document of operators");
      }
      return negate({ kind: "and", conditions: compileField(path, operand) });
    case "$all":
      return compileAll(path, operand);
    case "$exists":
      return truthy(operand) ? existsCondition(path) : negate(existsCondition(path));
    case "$elemMatch":
      return elemMatchCondition(path, operand);
    case "$regex":
      return fieldCondition(path, operator, operand, regexPredicate(operand, all["$options"]));
    default:
      return fieldCondition(path, operator, operand, leafPredicate(operator, operand));
  }
}

function negate(condition: Condition): Condition {
  return { kind: "nor", conditions: [condition] };
}

/** A condition that holds when any value the path reaches, or any element of one, satisfies it. */
function fieldCondition(
  path: string,
  operator: string,
  operand: unknown,
  predicate: { test: (value: unknown) => boolean; wholeOnly: boolean },
): Condition {
  const parts = path.split(".");
  const { test, wholeOnly } = predicate;
  const visit = (value: unknown): boolean =>
    test(value) || (!wholeOnly && Array.isArray(value) && value.some((element) => test(element)));
  return { kind: "field", path, operator, operand, test: (root) => someValue(root, parts, visit) };
}

function existsCondition(path: string): Condition {
  const test = (value: unknown): boolean => value !== MISSING;
  return fieldCondition(path, "$exists", true, { test, wholeOnly: true });
}

function compileAll(path: string, operand: unknown): Condition {
  if (!Array.isArray(operand)) throw new StoreError("BadValue", "$all needs an array");
  // An empty $all matches nothing.
  if (operand.length === 0) return { kind: "or", conditions: [] };
  const conditions = operand.flatMap((value: unknown) =>
    isDocument(value) && "$elemMatch" in value
      ? compileField(path, value)
      : compileField(path, { $eq: value }),
  );
  return { kind: "and", conditions };
}

function elemMatchCondition(path: string, operand: unknown): Condition {
  if (!isDocument(operand)) throw new StoreError("BadValue", "$elemMatch needs an Object");
  const logical = ["$and", "$or", "$nor", "$expr"];
  const keys = Object.keys(operand);
  const byValue = keys.length > 0 && keys.every((key) => key.startsWith("$") && !logical.includes(key));
  // A condition on the element itself is compiled as one on the field of a document that wraps it.
  const condition = byValue ? compileFilter({ e: operand }) : compileFilter(operand);
  const matches = (element: unknown): boolean => {
    if (byValue) return holds(condition, { e: Array.isArray(element) ? [element] : element });
    if (isDocument(element)) return holds(condition, element);
    return Array.isArray(element) && holds(condition, Object.fromEntries(Object.entries(element)));
  };
  const test = (value: unknown): boolean => Array.isArray(value) && value.some((element) => matches(element));
  return fieldCondition(path, "$elemMatch", operand, { test, wholeOnly: true });
}
