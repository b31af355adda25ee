import { AppError } from "../errors.ts";
import type { PricedDeployment } from "../spend/price-book.ts";
import type { UpstreamTarget } from "./upstream-request.ts";

/** A deployment as the completion path sees it. */
export type CatalogEntry = UpstreamTarget & PricedDeployment;

export interface ModelCatalog {
  /** One deployment of the model, chosen at random among its deployments. Throws model_not_found. */
  pick(modelName: string): CatalogEntry;
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
  return {
    names: [...byName.keys()],
    pick: (modelName) => {
      const choices = byName.get(modelName);
      const chosen = choices?.[Math.floor(random() * choices.length)];
      if (chosen === undefined) {
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
