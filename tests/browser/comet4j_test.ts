/** Pages that do what both generations of Comet4J's `JS.Engine` do, in Chromium. */
import { assert, assertEquals } from "@std/assert";
import { Publisher, RUNTIMES, Server, test, until } from "../outside.ts";
import { Chromium } from "./browser.ts";
import { type Heard, Pages, Tab, VERSIONS } from "./comet4j_pages.ts";

const STYLES = ["stream", "lpool"] as const;

for (const version of VERSIONS) {
  for (const workStyle of STYLES) {
    test(`a ${version} page gets every message once and in order over ${workStyle}, across silences`, async () => {
      await using pages = await Pages.open({
        channels: ["hello", "Mixed_Case"],
        workStyle,
        timeout: 1_000,
      });
      const { engine, asked } = pages;
      engine.on("connect", ({ id }) => void engine.sendTo(id, "hello", -1));
      const tab = await pages.tab(version, "hello", "Mixed_Case");
      const cid = await tab.started();
      const text = "é 😀 % < > \" ' \\ \u2028 \n";
      for (let n = 0; n < 15; n++) {
        const channel = n % 2 ? "hello" : "Mixed_Case";
        await engine.publish(channel, { n, text });
        if (n % 5 !== 4) continue;
        // A silence in which responses end.
        const revivals = asked.length;
        await until(() => asked.length > revivals + 1, "it has come again");
      }
      const all = await tab.until((heard) => heard.length === 17);
      assertEquals(all[0], ["start", cid, ["hello", "mixed_case"]]);
      assertEquals(all[1]!.slice(0, 2), ["hello", -1]);
      assertEquals(
        all.slice(2).map(([, data]) => data),
        Array.from({ length: 15 }, (_, n) => ({ n, text })),
      );
      const times = all.slice(1).map(([, , time]) => time as number);
      assertEquals(times, [...new Set(times)].sort((a, b) => a - b));
      const commands = asked.map((query) => query.get("cmd"));
      assertEquals(commands.filter((command) => command === "conn").length, 1);
      assertEquals(asked[0]!.get("cv"), version);
      assertEquals(asked[0]!.get("uid"), version === "0.0.2" ? null : "7");
      assertEquals(pages.browser.errors, []);
    });
  }

  test(`a ${version} page gets a burst over a stream, across the ends of its responses`, async () => {
    await using pages = await Pages.open({ channels: ["hello"] });
    const { engine } = pages;
    const tab = await pages.tab(version, "hello");
    const cid = await tab.started();
    await until(
      () => engine.connections.get(cid)!.transport === "comet4j-stream",
      "parked",
    );
    const text = "x".repeat(1_500);
    for (let n = 0; n < 100; n++) await engine.publish("hello", { n, text });
    await tab.until((heard) => heard.length > 100);
    const data = await tab.data("hello") as { n: number }[];
    assertEquals(
      data.map(({ n }) => n),
      Array.from({ length: 100 }, (_, n) => n),
    );
    assert(pages.asked.length > 8, "it has come again");
    assertEquals(pages.browser.errors, []);
  });

  test(`a ${version} page stops when its connection is not known, and may start anew`, async () => {
    await using pages = await Pages.open({ workStyle: "lpool" });
    const { engine } = pages;
    const tab = await pages.tab(version, "hello");
    const cid = await tab.started();
    await until(() => engine.connections.get(cid)!.transport, "parked");
    engine.drop(cid);
    const heard = await tab.until((heard) => heard.at(-1)![0] === "stop");
    assertEquals(heard.at(-1), ["stop", "服务器异常", cid, "/conn"]);
    // What listened while it ran, 0.1.7 forgets.
    await tab.page.evaluate(`client.start("/conn");
      client.on("hello", (data, time) => heard.push(["hello", data, time]))`);
    await tab.until((heard) => heard.at(-1)![0] === "start");
    await engine.publish("hello", 1);
    const stop = await tab.until((heard) => heard.at(-1)![0] !== "start");
    assertEquals(stop.at(-1)!.slice(0, 2), ["hello", 1]);
  });

  for (const by of ["a listener", "a quota"]) {
    test(`a ${version} page that is refused by ${by} stops, and says so`, async () => {
      const none = by === "a quota" ? { address: { connections: 0 } } : {};
      await using pages = await Pages.open({}, none);
      pages.engine.on("beforeConnect", () => by === "a quota");
      const codes: string[] = [];
      pages.engine.on("refuse", ({ code }) => void codes.push(code));
      const tab = await pages.tab(version, "hello");
      const running = () => tab.page.evaluate("client.connecting");
      await until(async () => !await running(), "stopped");
      // 0.0.2 has no listeners before it is connected.
      const told: Heard = version === "0.0.2"
        ? []
        : [["stop", "连接时发生错误", "", "/conn"]];
      assertEquals(await tab.heard(), told);
      // It has asked once, and does not ask again.
      const code = by === "a quota" ? "too_many_requests" : "forbidden";
      assertEquals(codes, [code]);
      assertEquals(pages.browser.errors, []);
    });
  }

  test(`a ${version} page that stops, or is closed, leaves no connection behind`, async () => {
    await using pages = await Pages.open({
      connExpires: 500,
      connFrequency: 0,
      timeout: 2_000,
    });
    const { engine } = pages;
    const reasons: string[] = [];
    engine.on("drop", (_, reason) => void reasons.push(reason));
    for (const reason of ["left", "expired"]) {
      const tab = await pages.tab(version, "hello");
      const cid = await tab.started();
      await until(() => engine.connections.get(cid)?.transport, "parked");
      await engine.publish("hello", 1);
      await tab.until((heard) => heard.length > 1);
      if (reason === "left") await tab.page.evaluate("client.stop('bye')");
      else await tab.page.close();
      await until(() => engine.connections.size === 0, "it is gone");
      assertEquals(reasons.at(-1), reason);
    }
  });
}

test("pages of either generation, a CLI and a native page share the channels", async () => {
  await using pages = await Pages.open({ channels: ["talker"] });
  const tabs = [
    await pages.tab("0.0.2", "talker"),
    await pages.tab("0.1.7", "talker"),
  ];
  for (const tab of tabs) await tab.started();
  const native = await pages.context.newPage();
  await native.goto(`${pages.origin}/`);
  await native.evaluate(`new Promise((resolve) => {
    globalThis.heard = [];
    const source = new EventSource("/push/talker");
    source.onmessage = ({ data }) => heard.push(JSON.parse(data).data);
    source.onopen = resolve;
  })`);
  const said = await fetch(`${pages.origin}/push/talker`, {
    method: "POST",
    body: "from a CLI",
  });
  await said.body?.cancel();
  await pages.engine.publish("talker", "from the server");
  const both = ["from a CLI", "from the server"];
  for (const tab of tabs) {
    await tab.until((heard) => heard.length === 3);
    assertEquals(await tab.data("talker"), both);
  }
  await until(async () => await native.evaluate("heard.length") === 2, "heard");
  assertEquals(await native.evaluate("heard"), both);
});

for (const runtime of RUNTIMES) {
  test(`pages of either generation are served by a ${runtime} server of its own, and missed when they go`, async () => {
    const env = { HALLEY_CHANNELS: "Hello" };
    await using server = await Server.start(runtime, env);
    await using browser = await Chromium.start();
    const context = await browser.context();
    const tabs: Tab[] = [];
    for (const version of VERSIONS) {
      const page = await context.newPage();
      await page.goto(`${server.origin}/healthz`);
      tabs.push(await Tab.start(page, version, ["Hello"]));
    }
    for (const tab of tabs) await tab.started();
    await using publisher = new Publisher(`${server.url}/Hello`);
    await publisher.more(200);
    await publisher.stop();
    const numbers = publisher.ids.map((_, n) => n + 1);
    for (const tab of tabs) {
      await tab.until((heard) => heard.length > numbers.length);
      assertEquals(await tab.data("Hello"), numbers);
    }
    for (const { page } of tabs) await page.close();
    await until(async () => {
      const url = `${server.url}/$presence?channel=Hello`;
      const { presence } = await (await fetch(url)).json();
      return presence.Hello.length === 0;
    }, "they are gone");
    assertEquals(browser.errors, []);
  });
}
