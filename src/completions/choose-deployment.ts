import type { CustomerTerms } from "../customers/customer-terms.ts";
import { AppError } from "../errors.ts";
import { allowsModel } from "./allows-model.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { CatalogEntry, ModelCatalog } from "./model-catalog.ts";
import { regionClass } from "./model-region.ts";

/**
 * The model and one of its deployments that this customer may use. Throws customer_blocked,
 * customer_model_denied, model_not_found or customer_region_denied, in this order.
 */
export function chooseDeployment(
  catalog: ModelCatalog,
  request: ChatRequest,
  customer: { readonly id: string; readonly terms: CustomerTerms } | null,
): { model: string; deployment: CatalogEntry } {
  if (customer?.terms.blocked === true) {
    const message = `User blocked from making LLM API Calls. User=${customer.id}`;
    // LiteLLM's clients find the sentence in either place.
    throw new AppError("customer_blocked", message, {
      facts: { provider_specific_fields: { error: message } },
    });
  }
  const model = request.model ?? customer?.terms.defaultModel ?? null;
  if (model === null) {
    throw new AppError("invalid_request", "'model' must be a non-empty string, got nothing", {
      param: "model",
    });
  }
  const deployments = catalog.deploymentsOf(model);
  const allowed = customer?.terms.models ?? [];
  const groups = deployments.flatMap(({ accessGroups }) => accessGroups);
  if (allowed.length > 0 && !allowsModel(allowed, model, groups)) {
    throw new AppError(
      "customer_model_denied",
      `The requested model '${model.slice(0, 200)}' is not in the allowed models for this customer. Check the models this customer can use and try again.`,
      { param: "model" },
    );
  }
  const region = customer?.terms.region ?? null;
  if (region === null || deployments.length === 0) return { model, deployment: catalog.pick(model) };
  const inRegion = deployments.filter((deployment) => regionClass(deployment.region) === region);
  const deployment = catalog.pickFrom(inRegion);
  if (deployment === null) {
    throw new AppError(
      "customer_region_denied",
      `The model '${model}' has no deployment in the region '${region}', which is the only one allowed for this customer`,
      { param: "model" },
    );
  }
  return { model, deployment };
}
