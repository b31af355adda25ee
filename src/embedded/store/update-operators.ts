import { Timestamp } from "bson";
import { isDocument, typeOf } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { StoreError, notImplemented } from "./errors.ts";
import { compareValues } from "./keys.ts";
import { arithmetic, isNumber } from "./numbers.ts";
import type { BsonNumber } from "./numbers.ts";
import { addToSet, pull, push } from "./update-arrays.ts";
import { locate, readTarget, remove, write } from "./update-path.ts";

/** Applies one operator at one concrete path. */
export type Modifier = (root: Document, parts: readonly string[], operand: unknown) => void;

const UPDATE_OPERATORS: Record<string, Modifier> = {
  $set: set,
  $setOnInsert: set,
  $unset: unset,
  $inc: (root, parts, operand) => compute(root, parts, { operator: "$inc", operand }),
  $mul: (root, parts, operand) => compute(root, parts, { operator: "$mul", operand }),
  $min: (root, parts, operand) => setIf(root, parts, { operand, order: -1 }),
  $max: (root, parts, operand) => setIf(root, parts, { operand, order: 1 }),
  $currentDate: currentDate,
  $push: push,
  $addToSet: addToSet,
  $pull: pull,
};

/** The modifier of an update operator; one that is not supported is refused by name. */
export function updateOperator(name: string): Modifier {
  const modifier = Object.hasOwn(UPDATE_OPERATORS, name) ? UPDATE_OPERATORS[name] : undefined;
  if (modifier === undefined) throw notImplemented(`update operator ${name}`);
  return modifier;
}

/** What an operator refuses whatever the document, so that it is refused before anything is written. */
export function checkOperand(operator: string, path: string, operand: unknown): void {
  if ((operator === "$inc" || operator === "$mul") && !isNumber(operand)) {
    throw new StoreError(
      "TypeMismatch",
      `Cannot increment with non-numeric argument: {${path}: ${String(operand)}}`,
    );
  }
}

function set(root: Document, parts: readonly string[], operand: unknown): void {
  const target = locate(root, parts, true);
  if (target !== null) write(target, operand);
}

function unset(root: Document, parts: readonly string[]): void {
  const target = locate(root, parts, false);
  if (target !== null) remove(target);
}

function compute(
  root: Document,
  parts: readonly string[],
  change: { operator: "$inc" | "$mul"; operand: unknown },
): void {
  const target = locate(root, parts, true);
  if (target === null || !isNumber(change.operand)) return;
  const amount: BsonNumber = change.operand;
  if (!target.exists) {
    // A missing field counts as a zero of the operand's type.
    return write(target, change.operator === "$inc" ? amount : arithmetic("multiply", amount, 0));
  }
  const current = readTarget(target);
  if (!isNumber(current)) {
    throw new StoreError(
      "TypeMismatch",
      `Cannot apply ${change.operator} to a value of non-numeric type. The field '${parts.join(".")}' is of type ${typeOf(current)}`,
    );
  }
  write(target, arithmetic(change.operator === "$inc" ? "add" : "multiply", current, amount));
}

function setIf(root: Document, parts: readonly string[], wanted: { operand: unknown; order: 1 | -1 }): void {
  const target = locate(root, parts, true);
  if (target === null) return;
  if (target.exists && compareValues(wanted.operand, readTarget(target)) * wanted.order <= 0) return;
  write(target, wanted.operand);
}

function currentDate(root: Document, parts: readonly string[], operand: unknown): void {
  const target = locate(root, parts, true);
  if (target === null) return;
  const type: unknown = isDocument(operand) ? operand["$type"] : operand === true ? "date" : null;
  if (type === "date") write(target, new Date());
  else if (type === "timestamp") write(target, new Timestamp({ t: Math.floor(Date.now() / 1000), i: 1 }));
  else throw new StoreError("BadValue", "$currentDate takes true or {$type: 'date' | 'timestamp'}");
}
