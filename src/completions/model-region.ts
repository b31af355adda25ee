const EUROPE =
  /^(eu|eu-.*|europe.*|(west|north)europe|france.*|germany.*|sweden.*|norway.*|switzerland.*|poland.*|italy.*|spain.*)$/;
const STATES = /^(us|us-.*|(east|west|central|northcentral|southcentral|westcentral)us\d?)$/;

/** The region class of a deployment's `region_name`, which may be a cloud's own name; null = neither. */
export function regionClass(name: string | null): "eu" | "us" | null {
  const text = name?.toLowerCase() ?? "";
  if (EUROPE.test(text)) return "eu";
  return STATES.test(text) ? "us" : null;
}
