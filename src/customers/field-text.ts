import { z } from "zod";

/** Text as it can be stored and given back: half a surrogate pair would come back as something else. */
export function wellFormedText(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .refine((text) => text.isWellFormed(), "Input should be well-formed Unicode");
}
