/** How deliveries stand, in words. */
export const DELIVERY_STATES: Readonly<Record<string, string>> = {
  pending: "on its way",
  parked: "parked",
  gathering: "gathering",
  batched: "told in a batch",
  delivered: "delivered",
  exhausted: "given up",
};
