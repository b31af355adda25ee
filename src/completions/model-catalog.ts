import { AppError } from "../errors.ts";
import type { PricedDeployment } from "../spend/price-book.ts";
import type { UpstreamTarget } from "./upstream-request.ts";

/** A deployment as the completion path sees it. */
export interface CatalogEntry extends UpstreamTarget, PricedDeployment {
  /** Where it runs, as configured; null = not said. */
  readonly region: string | null;
  /** Names by which customers' lists of models may mean this one, among others. */
  readonly accessGroups: readonly string[];
  /** The most tokens it can answer; null = not said. */
  readonly maxOutputTokens: number | null;
}

export interface ModelCatalog {
  /** One deployment of the model, chosen at random among its deployments. Throws model_not_found. */
  pick(modelName: string): CatalogEntry;
  /** One of these at random; null when there are none. */
  pickFrom(deployments: readonly CatalogEntry[]): CatalogEntry | null;
  /** Empty for a model that is not configured. */
  deploymentsOf(modelName: string): readonly CatalogEntry[];
  /** The names callers may use, in the order of the configuration. */
  readonly names: readonly string[];
}

/** `random` gives numbers in [0, 1). */
export function createModelCatalog(deployments: readonly CatalogEntry[], random: () => number): ModelCatalog {
  const byName = new Map<string, CatalogEntry[]>();
  for (const deployment of deployments) {
    const known = byName.get(deployment.modelName);
    if (known === undefined) byName.set(deployment.modelName, [deployment]);
    else known.push(deployment);
  }
  const deploymentsOf = (modelName: string): readonly CatalogEntry[] => byName.get(modelName) ?? [];
  const pickFrom = (choices: readonly CatalogEntry[]): CatalogEntry | null =>
    choices[Math.floor(random() * choices.length)] ?? null;
  return {
    names: [...byName.keys()],
    deploymentsOf,
    pickFrom,
    pick: (modelName) => {
      const chosen = pickFrom(deploymentsOf(modelName));
      if (chosen === null) {
        throw new AppError(
          "model_not_found",
          `The model '${modelName.slice(0, 200)}' is not configured; GET /v1/models lists the ones that are`,
          { param: "model" },
        );
      }
      return chosen;
    },
  };
}
