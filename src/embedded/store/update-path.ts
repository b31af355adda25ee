import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { StoreError } from "./errors.ts";
import { isArrayIndex, MISSING, ownField, setField } from "./paths.ts";

/** The container and name of a field an update writes. `exists` is false when the field is missing. */
export interface Target {
  readonly parent: Document | unknown[];
  readonly name: string;
  readonly exists: boolean;
}

/** MongoDB pads an array that is written beyond its end; more than this is refused. */
const MAX_PADDING = 1_500_000;

/**
 * Goes to the place of a concrete path. With `create`, missing documents on the way are made; without,
 * null is returned for what is not there. A scalar or null on the way is an error when creating.
 */
export function locate(root: Document, parts: readonly string[], create: boolean): Target | null {
  let parent: Document | unknown[] = root;
  for (const [at, name] of parts.entries()) {
    if (at === parts.length - 1) return { parent, name, exists: has(parent, name) };
    const next: unknown = read(parent, name);
    if (isDocument(next) || Array.isArray(next)) {
      parent = next as Document | unknown[];
      continue;
    }
    if (!create) return null;
    if (has(parent, name)) {
      throw new StoreError(
        "PathNotViable",
        `Cannot create field '${parts[at + 1]}' in element {${name}: ${String(next)}}`,
      );
    }
    const made: Document = {};
    write({ parent, name, exists: false }, made);
    parent = made;
  }
  return null;
}

export function readTarget(target: Target): unknown {
  return read(target.parent, target.name);
}

export function write(target: Target, value: unknown): void {
  const { parent, name } = target;
  if (!Array.isArray(parent)) return setField(parent, name, value);
  if (!isArrayIndex(name)) {
    throw new StoreError("PathNotViable", `Cannot create field '${name}' in an array`);
  }
  const index = Number(name);
  if (index > parent.length + MAX_PADDING) throw new StoreError("BadValue", "cannot pad the array that far");
  while (parent.length < index) parent.push(null);
  parent[index] = value;
}

/** Removes a field. An element of an array becomes null, so that the others keep their place. */
export function remove(target: Target): void {
  const { parent, name, exists } = target;
  if (!exists) return;
  if (Array.isArray(parent)) parent[Number(name)] = null;
  else delete parent[name];
}

function has(parent: Document | unknown[], name: string): boolean {
  return Array.isArray(parent)
    ? isArrayIndex(name) && Number(name) < parent.length
    : Object.hasOwn(parent, name);
}

function read(parent: Document | unknown[], name: string): unknown {
  if (!Array.isArray(parent)) return ownField(parent, name);
  return isArrayIndex(name) ? parent[Number(name)] : MISSING;
}

/** The concrete paths of an update path with `$`, `$[]` or `$[id]` in it. */
export function expandPath(
  root: Document,
  parts: readonly string[],
  select: (part: string, elements: readonly unknown[], before: readonly string[]) => number[],
): string[][] {
  let paths: { path: string[]; value: unknown }[] = [{ path: [], value: root }];
  for (const part of parts) {
    paths = paths.flatMap(({ path, value }) => {
      if (!part.startsWith("$")) {
        const inside = isDocument(value) || Array.isArray(value);
        return [
          { path: [...path, part], value: inside ? read(value as Document | unknown[], part) : MISSING },
        ];
      }
      if (!Array.isArray(value)) {
        throw new StoreError(
          "BadValue",
          `The path '${path.join(".")}' must exist in the document as an array to apply '${part}'`,
        );
      }
      const elements: readonly unknown[] = value;
      return select(part, elements, path).map((index) => ({
        path: [...path, String(index)],
        value: elements[index],
      }));
    });
  }
  return paths.map(({ path }) => path);
}
