/** Faye's client in Chromium against the stand-alone server. */
import { assertEquals } from "@std/assert";
import { RUNTIMES, send, Server, test } from "../outside.ts";
import { BayeuxPage, cometd, faye } from "./bayeux.ts";
import { Chromium } from "./browser.ts";

for (const runtime of RUNTIMES) {
  test(`Faye with its defaults hears natives and CometD on a ${runtime} server, and they hear it`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const own = await BayeuxPage.open(
      await browser.context(),
      server.origin,
      faye(`${server.origin}/bayeux`),
    );
    const other = await BayeuxPage.open(
      await browser.context(),
      server.origin,
      cometd(`${server.origin}/cometd`),
    );
    await own.until(({ transport }) => transport === "long-polling");
    await other.until(({ transport }) => transport === "long-polling");
    await send(`${server.url}/chat/room`, "native");
    for (const page of [own, other]) {
      await page.until(({ heard }) => heard.length === 1);
    }
    await own.page.evaluate(`client.publish("/chat/room", "faye")`);
    for (const page of [own, other]) {
      await page.until(({ heard }) => heard.length === 2);
    }
    await other.page.evaluate(`client.publish("/chat/room", "cometd")`);
    for (const page of [own, other]) {
      const { heard } = await page.until(({ heard }) => heard.length === 3);
      assertEquals(heard, ["native", "faye", "cometd"]);
    }
  });

  test(`Faye begins anew after a ${runtime} server was killed and came back`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const page = await BayeuxPage.open(
      await browser.context(),
      server.origin,
      faye(`${server.origin}/bayeux`),
    );
    await page.until(({ transport }) => transport === "long-polling");
    await server.kill();
    await server.restart();
    await page.until(({ handshakes }) => handshakes === 2);
    await page.until(async ({ heard }) => {
      // Until its new subscription is there.
      await send(`${server.url}/chat/room`, "again");
      return heard.length > 0;
    });
  });
}

test("Faye reaches another origin, where its form is sent as text, and with scripts", async () => {
  await using pages = await Server.start("deno");
  await using server = await Server.start("deno", {
    HALLEY_ORIGINS: pages.origin,
  });
  await using browser = await Chromium.start();
  const url = `${server.origin}/bayeux`;
  for (
    const [type, change] of [
      ["cross-origin-long-polling", `client.disable("websocket");`],
      [
        "callback-polling",
        `for (const type of ["websocket", "cross-origin-long-polling"]) {
          client.disable(type);
        }`,
      ],
    ] as const
  ) {
    const page = await BayeuxPage.open(
      await browser.context(),
      pages.origin,
      faye(url, change),
    );
    await page.until(({ transport }) => transport !== "");
    await page.page.evaluate(`client.publish("/chat/room", "hello")`);
    const { heard, transport } = await page.until(({ heard }) =>
      heard.length === 1
    );
    assertEquals([heard, transport], [["hello"], type]);
  }
});
