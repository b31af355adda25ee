import { afterAll, beforeAll, expect, test } from "vitest";
import { answering, ProgrammableReceiver } from "../../support/programmable-receiver.ts";
import { Service } from "../../support/service.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { deliveriesOf, plant } from "../../support/webhook-scene.ts";

let service: Service;
let receiver: ProgrammableReceiver;
beforeAll(async () => {
  receiver = await ProgrammableReceiver.start(answering(204), { host: "::" });
  service = await Service.start({
    env: { WEBHOOK_ALLOW_PRIVATE: "false" },
    webhooks: { retry_seconds: [3600] },
  });
});
afterAll(async () => {
  await service.close();
  await receiver.close();
});

const HOSTS = [
  "127.0.0.1",
  "127.1",
  "0177.0.0.1",
  "2130706433",
  "0x7f.1",
  "0",
  "１２７.0.0.1",
  "[::1]",
  "[::ffff:7f00:1]",
  "[::7f00:1]",
  "[64:ff9b::a9fe:a9fe]",
  "[2002:7f00:1::]",
  "localhost",
  "localhost.",
  "user@93.184.215.14",
  String.raw`93.184.215.14\@127.0.0.1`,
];

test.each(HOSTS)("row 18: %s cannot be saved, neither new nor as a change", async (host) => {
  const url = `https://${host}:${receiver.port}/`;
  const created = await service.call<{ error: { param: string } }>("POST", "/webhook/endpoints", { url });
  expect([created.status, created.json.error.param]).toEqual([400, "url"]);
  const { id } = await service.ask<{ id: string }>("POST", "/webhook/endpoints", {
    url: "https://93.184.215.14/",
  });
  const changed = await service.call<{ error: { param: string } }>("PATCH", `/webhook/endpoints/${id}`, {
    url,
  });
  expect([changed.status, changed.json.error.param]).toEqual([400, "url"]);
  expect(await service.ask("GET", `/webhook/endpoints/${id}`)).toMatchObject({
    url: "https://93.184.215.14/",
  });
  expect(receiver.connections).toBe(0);
});

test.each(HOSTS)("row 18: %s is not dialled when it got into the store some other way", async (host) => {
  const made = await service.ask<{ id: string }>("POST", "/webhook/endpoints", {
    url: "https://93.184.215.14/",
    customers: [host],
  });
  const url = `https://${host}:${receiver.port}/`;
  await service.store.collections.endpoints.updateOne({ _id: made.id }, { $set: { url } });
  const target = { endpointId: made.id, customer: host, secret: "", receiver };
  await plant(service, target, ["{}"]);
  const [row] = await waitUntil("the attempt", async () => {
    const rows = await deliveriesOf(service, target);
    return rows.some(({ attempts }) => attempts.length > 0) && rows;
  });
  // Whether `localhost.` has an address is up to the system.
  const code = host.endsWith(".")
    ? expect.stringMatching(/^(address_refused|dns_error)$/)
    : "address_refused";
  expect(row?.attempts[0]).toMatchObject({ code, outcome: "failed", status: null });
  expect(receiver.connections).toBe(0);
  await service.call("DELETE", `/webhook/endpoints/${made.id}`);
});
