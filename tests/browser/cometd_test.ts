/** CometD's client in Chromium against the stand-alone server. */
import { assert, assertEquals } from "@std/assert";
import { RUNTIMES, send, Server, test } from "../outside.ts";
import { BayeuxPage, cometd } from "./bayeux.ts";
import { Chromium } from "./browser.ts";

for (const runtime of RUNTIMES) {
  test(`CometD with its defaults falls back from WebSocket on a ${runtime} server, and hears natives`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const page = await BayeuxPage.open(
      await browser.context(),
      server.origin,
      cometd(`${server.origin}/cometd`),
    );
    await page.until(({ transport }) => transport === "long-polling");
    assert(page.sockets > 0, "it has not tried WebSocket");
    await send(`${server.url}/chat/room`, "native");
    await page.until(({ heard }) => heard.length >= 1);
    await page.page.evaluate(`new Promise((resolve) =>
      client.publish("/chat/room", { text: "grüße" }, resolve))`);
    const { heard, handshakes } = await page.until(({ heard }) =>
      heard.length >= 2
    );
    assertEquals(heard, ["native", { text: "grüße" }]);
    assertEquals(handshakes, 1);
  });

  test(`CometD begins anew after a ${runtime} server was killed and came back`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const page = await BayeuxPage.open(
      await browser.context(),
      server.origin,
      cometd(`${server.origin}/cometd`),
    );
    await page.until(({ transport }) => transport === "long-polling");
    await server.kill();
    await server.restart();
    await page.until(({ handshakes }) => handshakes === 2);
    const { heard } = await page.until(async ({ heard }) => {
      // Until its new subscription is there.
      await send(`${server.url}/chat/room`, "again");
      return heard.length > 0;
    });
    assertEquals(heard[0], "again");
  });
}

test("CometD's extension for pages that are loaded anew goes on with the same session", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const extension = `
    const { ReloadExtension } = await import("/npm/cometd/cometd.js");
    client.registerExtension("reload", new ReloadExtension());
    addEventListener("pagehide", () => client.reload());
  `;
  const page = await BayeuxPage.open(
    await browser.context(),
    server.origin,
    cometd(`${server.origin}/cometd`, extension),
  );
  const present = async () => {
    const answer = await fetch(`${server.url}/$presence?channel=chat/room`);
    return (await answer.json()).presence["chat/room"];
  };
  await page.until(({ transport }) => transport === "long-polling");
  await send(`${server.url}/chat/room`, "before");
  await page.until(({ heard }) => heard.length === 1);
  const before = await present();
  assertEquals(before.length, 1);
  await page.reload();
  await page.until(({ transport }) => transport === "long-polling");
  await send(`${server.url}/chat/room`, "after");
  const { heard } = await page.until(({ heard }) => heard.includes("after"));
  assertEquals(await present(), before);
  // What its last answer before that had may come again.
  assertEquals(heard.filter((data) => data !== "before"), ["after"]);
});

test("CometD over callback-polling hears and publishes", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const alone = `for (const type of ["websocket", "long-polling"]) {
    client.unregisterTransport(type);
  }`;
  const page = await BayeuxPage.open(
    await browser.context(),
    server.origin,
    cometd(`${server.origin}/cometd`, alone),
  );
  await page.until(({ transport }) => transport === "callback-polling");
  await page.page.evaluate(`new Promise((resolve) =>
    client.publish("/chat/room", "\\u2028 one", resolve))`);
  await send(`${server.url}/chat/room`, "two");
  const { heard } = await page.until(({ heard }) => heard.length >= 2);
  assertEquals(heard, ["\u2028 one", "two"]);
});

test("a page of another origin reaches Bayeux if it is listed, and not if it is not", async () => {
  await using pages = await Server.start("deno");
  await using listing = await Server.start("bun", {
    HALLEY_ORIGINS: pages.origin,
  });
  await using closed = await Server.start("bun");
  await using browser = await Chromium.start();
  const noSocket = `client.unregisterTransport("websocket");`;
  const open = async (server: Server) =>
    await BayeuxPage.open(
      await browser.context(),
      pages.origin,
      cometd(`${server.origin}/cometd`, noSocket),
    );
  const listed = await open(listing);
  await listed.until(({ transport }) => transport === "long-polling");
  await send(`${listing.url}/chat/room`, "hello");
  await listed.until(({ heard }) => heard.length === 1);
  const refused = await open(closed);
  const failure = await refused.page.evaluate(`new Promise((resolve) => {
    client.addListener("/meta/unsuccessful", () => resolve("unsuccessful"));
  })`);
  assertEquals(failure, "unsuccessful");
  // Nor by a script, which CometD tries then.
  const { handshakes } = await refused.known();
  assertEquals(handshakes, 0);
});

test("several tabs of one browser all hear, one by a held connect, the others now and then", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const context = await browser.context();
  const open = () =>
    BayeuxPage.open(context, server.origin, cometd(`${server.origin}/cometd`));
  const tabs = [await open(), await open(), await open()];
  for (const tab of tabs) await tab.until(({ transport }) => transport !== "");
  await send(`${server.url}/chat/room`, 1);
  for (const tab of tabs) {
    const { heard } = await tab.until(({ heard }) => heard.length > 0);
    assertEquals(heard, [1]);
  }
  const advices = await Promise.all(
    tabs.map((tab) => tab.page.evaluate("client.getAdvice()")),
  ) as { "multiple-clients"?: boolean }[];
  const several = advices.filter((advice) => advice["multiple-clients"]);
  assertEquals(several.length, 2);
});
