import { closest, distance } from "fastest-levenshtein";

/** A configuration that cannot be used. The message lists every fault; the process exits with it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly string[];

  constructor(source: string, faults: readonly string[]) {
    super(
      faults.length === 1
        ? `${source}: ${faults[0]}`
        : `${source}: ${faults.length} faults\n${faults.map((fault) => `  - ${fault}`).join("\n")}`,
    );
    this.faults = faults;
  }
}

/** ` (did you mean "api_base"?)`, or the list of known keys when none is near. */
export function nearestHint(unknown: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const near = closest(unknown, known);
  return distance(unknown, near) <= Math.max(2, Math.floor(unknown.length / 3))
    ? ` (did you mean "${near}"?)`
    : ` (known keys: ${known.join(", ")}; nearest: "${near}")`;
}
