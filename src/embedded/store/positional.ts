import type { Document } from "./bson-codec.ts";
import { StoreError } from "./errors.ts";
import { conjuncts, holds } from "./match.ts";
import type { Condition } from "./match.ts";
import { pathsOverlap, setField } from "./paths.ts";

/** The element that `$` in an update stands for: the first one by which the filter's condition on the array holds. */
export function positionOf(filter: Condition, document: Document, arrayPath: readonly string[]): number {
  const path = arrayPath.join(".");
  const elements = arrayPath.reduce<unknown>(
    (value, part) => (value as Document | undefined)?.[part] as unknown,
    document,
  );
  if (Array.isArray(elements)) {
    for (const condition of conjuncts(filter)) {
      if (condition.kind !== "field" || !pathsOverlap(condition.path, path)) continue;
      const index = elements.findIndex((element) =>
        holds(condition, withArray(document, arrayPath, [element])),
      );
      if (index !== -1) return index;
    }
  }
  throw new StoreError("BadValue", "The positional operator did not find the match needed from the query.");
}

function withArray(document: Document, path: readonly string[], value: unknown): Document {
  const [name, ...rest] = path;
  if (name === undefined) return document;
  const copy = { ...document };
  setField(copy, name, rest.length === 0 ? value : withArray(document[name] as Document, rest, value));
  return copy;
}
