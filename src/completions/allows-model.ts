/**
 * True when one of these patterns covers a model by the name that callers use, or by one of its groups. A `*`
 * stands for any text in a name; a group is named whole. Where the model is served from plays no part.
 */
export function allowsModel(patterns: readonly string[], model: string, groups: readonly string[]): boolean {
  return patterns.some((pattern) => groups.includes(pattern) || covers(pattern, model));
}

/** In time linear in both: each piece between stars is looked for once, behind the one before. */
function covers(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first)) return false;
  let from = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}
