import { z } from "zod";
import { type AmountFault, formatNano, parseUsd, readUsd } from "../lib/money.ts";

const NANO_SCALE = 9;
/** Sums up to here stay exact in every part that counts them; nobody's budget is near it. */
const MOST_NANO = 10n ** 9n * 10n ** 9n;
/** Longer texts of a number have no meaning left for money, and cost time to read. */
const LONGEST_TEXT = 100;
/** What a client may mean as a number, also where it is none that can be spent. */
const NUMBER_TEXT = /^\s*[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf|infinity|nan)\s*$/i;

/** Each after the field's name; alone at fault they are answered in LiteLLM's sentence. */
const FAULTS: Readonly<Record<AmountFault | "too_much", string>> = {
  not_an_amount: "be a non-negative finite number",
  too_fine: "not be finer than a nano-dollar (0.000000001 USD)",
  too_much: "be at most 1000000000 USD",
};

const numberOrText = z
  .union([z.number(), z.string()], "Input should be a number or the text of one")
  .superRefine((value, context) => {
    if (typeof value === "number") return;
    if (value.length > LONGEST_TEXT) {
      const message = `Input should be the text of a number in at most ${LONGEST_TEXT} characters`;
      context.addIssue({ code: "custom", message, continue: false });
    } else if (!NUMBER_TEXT.test(value)) {
      const message = "Input should be a number or the text of one";
      context.addIssue({ code: "custom", message, continue: false });
    }
  });

function addFault(context: z.RefinementCtx<number | string>, fault: keyof typeof FAULTS): void {
  context.addIssue({
    code: "custom",
    message: `Input should ${FAULTS[fault]}`,
    params: { code: "invalid_budget", fault: `%s must ${FAULTS[fault]}` },
  });
}

/** USD that somebody sets: a number, or the text of one, as LiteLLM's clients send it, of whole nano-dollars. */
export const usd = numberOrText.superRefine((value, context) => {
  const read = readUsd(value, NANO_SCALE);
  if (typeof read !== "bigint") addFault(context, read);
  else if (read > MOST_NANO) addFault(context, "too_much");
});

/** USD that another service has counted, rounded to the nano-dollar; it gives the text of the amount. */
export const countedUsd = numberOrText
  .superRefine((value, context) => {
    const read = parseUsd(value, NANO_SCALE);
    if (read === null) addFault(context, "not_an_amount");
    else if (read > MOST_NANO) addFault(context, "too_much");
  })
  .transform((value) => formatNano(parseUsd(value, NANO_SCALE) ?? 0n));

/** USD, already checked, as nano-USD; undefined and null stay what they are. */
export function amount(value: number | string | null | undefined): bigint | null | undefined {
  if (value === undefined || value === null) return value;
  const nano = readUsd(value, NANO_SCALE);
  if (typeof nano !== "bigint") throw new Error("An amount was used before it was checked");
  return nano;
}
