/** The key is the reader's: the page does not know it. */
const KEY = '-H "Authorization: Bearer $MASTER_KEY"';
const JSON_TYPE = "-H 'Content-Type: application/json'";

/** Text as one word of a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A POST as one line for a shell where $MASTER_KEY is set. */
export function curlPost(address: string, body: object): string {
  return `curl ${quote(address)} ${KEY} ${JSON_TYPE} -d ${quote(JSON.stringify(body))}`;
}

export function curlGet(address: string): string {
  return `curl ${quote(address)} ${KEY}`;
}

/** A call that is charged to this customer. */
export function curlChat(origin: string, customerId: string, model = "mistral"): string {
  return curlPost(`${origin}/v1/chat/completions`, {
    model,
    messages: [{ role: "user", content: "Hello!" }],
    user: customerId,
  });
}
