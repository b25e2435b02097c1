/** Behind a real nginx: what it holds back, cuts and packs, and when it goes away. */
import { assert, assertEquals } from "@std/assert";
import {
  assertWhole,
  isCurrent,
  Publisher,
  RUNTIMES,
  send,
  test,
} from "../outside.ts";
import { Route } from "./nginx.ts";

const TRANSPORTS = ["stream", "sse", "poll"].map((transport) => ({
  transport,
}));

/** Every client has heard all of what was published, and no reset. */
async function settle(route: Route, publisher: Publisher): Promise<void> {
  await publisher.stop();
  await route.all(({ heard }) => isCurrent(heard, publisher.ids));
  for (const { heard } of route.listeners) {
    assertWhole(heard, publisher);
    assert(!heard.includes("reset"));
  }
}

for (const runtime of RUNTIMES) {
  test(`nginx as it comes lets streams of a ${runtime} server through`, async () => {
    await using route = await Route.start({ runtime });
    await route.all(({ events }) => events.length > 0);
    await using publisher = new Publisher(`${route.server.url}/a/b`);
    await publisher.more(50);
    await settle(route, publisher);
    for (const { events } of route.listeners) {
      assertEquals(events, ["open stream"]);
    }
  });

  test(`nginx that packs with gzip lets every transport of a ${runtime} server through`, async () => {
    await using route = await Route.start({
      runtime,
      directives: "gzip on; gzip_types *; gzip_min_length 0; gzip_proxied any;",
      options: TRANSPORTS,
    });
    await route.all(({ events }) => events.length > 0);
    await using publisher = new Publisher(`${route.server.url}/a/b`);
    await publisher.more(50);
    await settle(route, publisher);
    for (const [n, { events }] of route.listeners.entries()) {
      assertEquals(events, [`open ${TRANSPORTS[n >> 1]!.transport}`]);
    }
    for (const listener of route.listeners) await listener.close();
    await route.nginx.down();
    // It is logged when it ends: all of it was packed.
    const log = (await route.nginx.log()).trim().split("\n");
    for (const { transport } of TRANSPORTS) {
      const own = log.filter((line) => line.startsWith(`200 ${transport}`));
      assert(own.length >= 2, `${log}`);
      for (const line of own) assertEquals(line, `200 ${transport} [gzip]`);
    }
  });
}

test("nginx that is restarted costs nothing, on each transport", async () => {
  await using route = await Route.start({ options: TRANSPORTS });
  await route.all(({ events }) => events.length > 0);
  await using publisher = new Publisher(`${route.server.url}/a/b`);
  for (const _ of [1, 2]) {
    await publisher.more(20);
    const before = route.listeners.map(({ events }) => events.length);
    await route.nginx.down();
    for (const [n, listener] of route.listeners.entries()) {
      await listener.until(({ events }) => events.length > before[n]!);
    }
    await publisher.more(20);
    await route.nginx.up();
    await route.all(({ events }) => events.at(-1)!.startsWith("open"));
  }
  await publisher.more(20);
  await settle(route, publisher);
});

test("nginx that ends silent responses after 5 s costs nothing, on each transport", async () => {
  await using route = await Route.start({
    // So that nothing comes in between.
    env: { HALLEY_HEARTBEAT: "60000" },
    directives: "proxy_read_timeout 5s;",
    options: TRANSPORTS,
  });
  const { url } = route.server;
  await route.all(({ events }) => events.length > 0);
  const publisher = new Publisher(`${url}/a/b`);
  await publisher.more(10);
  await publisher.stop();
  await route.all(({ events }) =>
    events.some((event) => event.startsWith("reconnect"))
  );
  publisher.ids.push(await send(`${url}/a/b`, "after the silence"));
  await settle(route, publisher);
  for (const { events } of route.listeners) {
    assert(events.every((event) => !event.includes("forbidden")), `${events}`);
  }
});

test("nginx that holds streams back has auto end in poll; reloaded without that, in stream", async () => {
  const HOLD = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; " +
    "proxy_buffer_size 64k; proxy_buffers 8 64k;";
  await using route = await Route.start({
    directives: HOLD,
    options: [{ openTimeout: 400 }],
  });
  await route.all(({ transport }) => transport === "poll");
  await using publisher = new Publisher(`${route.server.url}/a/b`);
  await publisher.more(20);
  for (const { events } of route.listeners) {
    assert(
      events.every((event) => !/open (stream|sse)/.test(event)),
      `${events}`,
    );
  }
  await route.nginx.reload();
  await route.all(({ transport }) => transport === "stream");
  await publisher.more(20);
  await settle(route, publisher);
});
