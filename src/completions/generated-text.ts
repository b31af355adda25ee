type Fields = Record<string, unknown>;

/**
 * The text a model generated in one parsed response or stream chunk: content, refusals, reasoning and
 * tool arguments of all choices. Only for counting tokens when the upstream did not.
 */
export function generatedText(body: unknown): string {
  const choices = field(body, "choices");
  if (!Array.isArray(choices)) return "";
  return choices.map((choice) => messageText(field(choice, "delta") ?? field(choice, "message"))).join("");
}

function messageText(message: unknown): string {
  const parts: string[] = [];
  for (const name of ["content", "reasoning_content", "reasoning", "refusal"]) {
    const value = field(message, name);
    if (typeof value === "string") parts.push(value);
  }
  const calls = field(message, "tool_calls");
  for (const call of Array.isArray(calls) ? calls : []) {
    const called = field(call, "function");
    for (const name of ["name", "arguments"]) {
      const value = field(called, name);
      if (typeof value === "string") parts.push(value);
    }
  }
  return parts.join("");
}

function field(value: unknown, name: string): unknown {
  return value !== null && typeof value === "object" ? (value as Fields)[name] : undefined;
}
