import { isDocument } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import { StoreError, notImplemented } from "../errors.ts";
import { MISSING, ownField, setField } from "../paths.ts";
import { OPERATORS } from "./operators.ts";
import { truthy } from "./values.ts";

export interface Scope {
  readonly root: unknown;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A compiled expression; MISSING stands for a field that is not there. */
export type Expression = (scope: Scope) => unknown;

/** Compiles an aggregation expression. Operators that are not supported are refused by name. */
export function compileExpression(expression: unknown): Expression {
  if (typeof expression === "string" && expression.startsWith("$")) return compilePath(expression);
  if (Array.isArray(expression)) {
    const elements = expression.map(compileExpression);
    return (scope) => elements.map((element) => element(scope) ?? null);
  }
  if (!isDocument(expression)) return () => expression;
  const keys = Object.keys(expression);
  const [operator] = keys;
  if (operator?.startsWith("$") === true) {
    if (keys.length > 1)
      throw new StoreError("FailedToParse", "an expression object must have exactly one operator");
    return compileOperator(operator, expression[operator]);
  }
  const fields = keys.map((name): [string, Expression] => [name, compileExpression(expression[name])]);
  return (scope) => {
    const result: Document = {};
    for (const [name, field] of fields) {
      const value = field(scope);
      if (value !== MISSING) setField(result, name, value);
    }
    return result;
  };
}

function compilePath(text: string): Expression {
  if (!text.startsWith("$$")) return pathReader((scope) => scope.root, text.slice(1).split("."));
  const [name = "", ...parts] = text.slice(2).split(".");
  switch (name) {
    case "ROOT":
    case "CURRENT":
      return pathReader((scope) => scope.root, parts);
    case "REMOVE":
      return () => MISSING;
    case "NOW": {
      const now = new Date();
      return () => now;
    }
    default:
      if (!/^[a-z]/.test(name)) throw notImplemented(`variable $$${name}`);
      return pathReader((scope) => {
        if (!Object.hasOwn(scope.variables, name))
          throw new StoreError("BadValue", `Use of undefined variable: ${name}`);
        return scope.variables[name];
      }, parts);
  }
}

function pathReader(start: (scope: Scope) => unknown, parts: readonly string[]): Expression {
  if (parts.includes("")) throw new StoreError("BadValue", "a field path may not have empty parts");
  return (scope) => readPath(start(scope), parts, 0);
}

/** In expressions a path goes through arrays element by element and never by index. */
function readPath(value: unknown, parts: readonly string[], at: number): unknown {
  const part = parts[at];
  if (part === undefined) return value;
  if (Array.isArray(value)) {
    return value.map((element: unknown) => readPath(element, parts, at)).filter((found) => found !== MISSING);
  }
  return isDocument(value) ? readPath(ownField(value, part), parts, at + 1) : MISSING;
}

function compileOperator(operator: string, operand: unknown): Expression {
  switch (operator) {
    case "$literal":
      return () => operand;
    case "$and":
    case "$or": {
      const parts = operands(operand);
      const every = operator === "$and";
      return (scope) =>
        every ? parts.every((part) => truthy(part(scope))) : parts.some((part) => truthy(part(scope)));
    }
    case "$cond":
      return compileCond(operand);
    case "$ifNull": {
      const parts = operands(operand);
      return (scope) => {
        let value: unknown;
        for (const part of parts) if ((value = part(scope)) !== null && value !== MISSING) return value;
        return value;
      };
    }
    case "$switch":
      return compileSwitch(operand);
    case "$let":
      return compileLet(operand);
    case "$map":
    case "$filter":
      return compileOverArray(operator, operand);
    default: {
      const apply = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
      if (apply === undefined) throw notImplemented(`aggregation operator ${operator}`);
      const parts = operands(operand);
      return (scope) => apply(parts.map((part) => part(scope)));
    }
  }
}

function operands(operand: unknown): Expression[] {
  return (Array.isArray(operand) ? operand : [operand]).map(compileExpression);
}

/** Named arguments; one that is not known is refused, one that is needed and missing is an error. */
function namedArguments(operator: string, operand: unknown, known: readonly string[]): Document {
  if (!isDocument(operand)) throw new StoreError("FailedToParse", `${operator} needs an object`);
  for (const name of Object.keys(operand))
    if (!known.includes(name)) throw notImplemented(`${name} in ${operator}`);
  return operand;
}

function compileCond(operand: unknown): Expression {
  const [condition, yes, no] = condParts(operand).map(compileExpression);
  if (condition === undefined || yes === undefined || no === undefined) {
    throw new StoreError("FailedToParse", "$cond needs if, then and else");
  }
  return (scope) => (truthy(condition(scope)) ? yes(scope) : no(scope));
}

function condParts(operand: unknown): unknown[] {
  if (Array.isArray(operand)) return operand.length === 3 ? operand : [];
  const names = ["if", "then", "else"];
  const spec = namedArguments("$cond", operand, names);
  return names.filter((name) => name in spec).map((name) => spec[name] as unknown);
}

function compileSwitch(operand: unknown): Expression {
  const spec = namedArguments("$switch", operand, ["branches", "default"]);
  const branches: unknown = spec["branches"];
  if (!Array.isArray(branches)) throw new StoreError("FailedToParse", "$switch needs branches");
  const compiled = branches.map((branch: unknown) => {
    const parts = namedArguments("$switch", branch, ["case", "then"]);
    return { when: compileExpression(parts["case"]), value: compileExpression(parts["then"]) };
  });
  const otherwise = "default" in spec ? compileExpression(spec["default"]) : null;
  return (scope) => {
    const hit = compiled.find(({ when }) => truthy(when(scope)));
    if (hit !== undefined) return hit.value(scope);
    if (otherwise === null) throw new StoreError("BadValue", "$switch could not find a matching branch");
    return otherwise(scope);
  };
}

function compileLet(operand: unknown): Expression {
  const spec = namedArguments("$let", operand, ["vars", "in"]);
  const vars: unknown = spec["vars"];
  if (!isDocument(vars)) throw new StoreError("FailedToParse", "$let needs vars");
  const compiled = Object.entries(vars).map(([name, value]): [string, Expression] => [
    name,
    compileExpression(value),
  ]);
  const body = compileExpression(spec["in"]);
  return (scope) => {
    const own = Object.fromEntries(compiled.map(([name, value]) => [name, value(scope)]));
    return body({ ...scope, variables: { ...scope.variables, ...own } });
  };
}

function compileOverArray(operator: "$map" | "$filter", operand: unknown): Expression {
  const inner = operator === "$map" ? "in" : "cond";
  const spec = namedArguments(operator, operand, ["input", "as", inner]);
  const input = compileExpression(spec["input"]);
  const name = typeof spec["as"] === "string" ? spec["as"] : "this";
  const body = compileExpression(spec[inner]);
  return (scope) => {
    const value = input(scope);
    if (value === null || value === MISSING) return null;
    if (!Array.isArray(value)) throw new StoreError("BadValue", `input to ${operator} must be an array`);
    const run = (element: unknown): unknown =>
      body({ ...scope, variables: { ...scope.variables, [name]: element } });
    if (operator === "$filter") return value.filter((element) => truthy(run(element)));
    return value.map((element) => run(element) ?? null);
  };
}
