import { afterAll, beforeAll, expect, test } from "vitest";
import { answering, answerText } from "../../support/programmable-receiver.ts";
import { Service } from "../../support/service.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { closeTarget, deliveriesOf, idsOf, openTarget, settled } from "../../support/webhook-scene.ts";

let service: Service;
beforeAll(async () => {
  service = await Service.start({ workers: ["maintenance"] });
});
afterAll(() => service.close());

test("row 40: a worker that is told to stop ends what is in flight, leaves the rest, and another goes on with it", async () => {
  const held: (() => void)[] = [];
  const target = await openTarget(service, ({ socket }) => {
    held.push(() => void socket.write(answerText(204)));
  });
  const stop = service.startWorker();
  const ids = await service.charge(target.customer, 30);
  await waitUntil("as many in flight as are allowed at first", () => held.length === 10);
  let stopped = false;
  const stopping = stop().then(() => {
    stopped = true;
  });
  // The worker has closed its other parts, and still waits for the receiver.
  expect(stopped).toBe(false);
  for (const answer of held) answer();
  await stopping;
  const rows = await deliveriesOf(service, target);
  expect(rows.filter(({ lease }) => lease !== null)).toEqual([]);
  expect(rows.flatMap(({ attempts }) => attempts).map(({ outcome }) => outcome)).toEqual(
    Array.from({ length: held.length }, () => "delivered"),
  );
  expect(held).toHaveLength(10);

  target.receiver.script = answering(204);
  service.startWorker();
  await settled(service, target, { state: "delivered", count: 30 });
  expect(idsOf(target.receiver).toSorted()).toEqual(ids.toSorted());
  await closeTarget(service, target);
});
