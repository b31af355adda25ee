import { z } from "zod";
import { decodeCursor } from "../lib/cursor.ts";

/** A cursor that says when a page ended and at which id. */
export const timeCursor = z.string().transform((text, context) => {
  const [ms, id] = decodeCursor(text, ["integer", "text"]) ?? [];
  if (ms !== undefined && id !== undefined) return { ms: Number(ms), id: String(id) };
  context.addIssue({ code: "custom", message: "Input should be a cursor as an earlier page gave it" });
  return z.NEVER;
});
