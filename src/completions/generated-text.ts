type Fields = Record<string, unknown>;

/** Where the text is that a model generated: in a message, and in what is called by it. */
export const GENERATED_FIELDS = {
  message: ["content", "reasoning_content", "reasoning", "refusal"],
  called: ["name", "arguments"],
} as const;

/**
 * The text a model generated in one parsed stream chunk: content, refusals, reasoning and
 * tool arguments of all choices. Only for counting tokens when the upstream did not.
 */
export function generatedText(body: unknown): string {
  const choices = field(body, "choices");
  if (!Array.isArray(choices)) return "";
  return choices.map((choice) => messageText(field(choice, "delta") ?? field(choice, "message"))).join("");
}

function messageText(message: unknown): string {
  const parts: string[] = [];
  for (const name of GENERATED_FIELDS.message) {
    const value = field(message, name);
    if (typeof value === "string") parts.push(value);
  }
  const calls = field(message, "tool_calls");
  for (const call of Array.isArray(calls) ? calls : []) {
    const called = field(call, "function");
    for (const name of GENERATED_FIELDS.called) {
      const value = field(called, name);
      if (typeof value === "string") parts.push(value);
    }
  }
  return parts.join("");
}

function field(value: unknown, name: string): unknown {
  return value !== null && typeof value === "object" ? (value as Fields)[name] : undefined;
}
