/** A bare `EventSource` in Chromium against the stand-alone server. */
import { assert, assertEquals } from "@std/assert";
import {
  assertWhole,
  type Heard,
  isCurrent,
  Publisher,
  RUNTIMES,
  send,
  Server,
  test,
  until,
} from "../outside.ts";
import { Chromium, type Page } from "./browser.ts";

/** What an `EventSource` has brought. */
interface Noted {
  readonly readyState: number;
  readonly heard: Heard[];
  /** Control frames, and `error` with the state after it, oldest first. */
  readonly controls: ({ type: string } & Record<string, unknown>)[];
  /** Its last event id, as pages see it. */
  readonly last: string;
}

/** An `EventSource` in a page, which notes what it brings. */
class Source {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Listens to what follows `/push`. */
  static async open(
    browser: Chromium,
    server: Server,
    path: string,
  ): Promise<Source> {
    const page = await browser.page(`${server.origin}/healthz`);
    await page.evaluate(`(() => {
      const source = new EventSource("/push" + ${JSON.stringify(path)});
      const noted = globalThis.noted = { source, heard: [], controls: [], last: "" };
      source.onmessage = ({ data, lastEventId }) => {
        const { id, data: own } = JSON.parse(data);
        noted.heard.push([id, own]);
        noted.last = lastEventId;
      };
      source.addEventListener("control", ({ data }) => {
        const control = JSON.parse(data);
        noted.controls.push(control);
        if (control.type === "reset") noted.heard.push("reset");
      });
      source.onerror = () => {
        noted.controls.push({ type: "error", state: source.readyState });
      };
    })()`);
    return new Source(page);
  }

  async noted(): Promise<Noted> {
    return await this.page.evaluate(`(() => {
      const { source: { readyState }, ...rest } = noted;
      return { readyState, ...rest };
    })()`);
  }

  async until(is: (noted: Noted) => unknown): Promise<Noted> {
    let noted = await this.noted();
    const look = async () => is(noted = await this.noted());
    await until(look, () => ({ wanted: String(is), ...noted }));
    return noted;
  }
}

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

for (const runtime of RUNTIMES) {
  test(`EventSource sees every message of a ${runtime} server, and a reset after it was killed and came back`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const source = await Source.open(browser, server, "/a/*");
    await source.until(({ controls }) => controls[0]?.type === "open");
    await using publisher = new Publisher(`${server.url}/a/b`);
    await publisher.more(20);
    const { heard, last } = await source.until(({ heard }) => heard.length > 9);
    assertEquals(last, heard.at(-1)![0]);
    await server.kill();
    await source.until(({ controls }) =>
      controls.some(({ type, state }) =>
        type === "error" && state === CONNECTING
      )
    );
    await server.restart();
    await publisher.more(20);
    await source.until(({ readyState }) => readyState === OPEN);
    await publisher.more(20);
    await publisher.stop();
    const end = await source.until(({ heard }) =>
      isCurrent(heard, publisher.ids)
    );
    assertWhole(end.heard, publisher);
    assertEquals(end.heard.filter((item) => item === "reset"), ["reset"]);
    const types = end.controls.map(({ type }) => type);
    assertEquals(types.filter((type) => type === "open").length, 2);
    // The reset comes right after the new beginning.
    assertEquals(types[types.lastIndexOf("open") + 1], "reset");
  });

  test(`EventSource outlives a refusal by a ${runtime} server that is full`, async () => {
    await using server = await Server.start(runtime, {
      HALLEY_MAX_CONNECTIONS: "1",
      HALLEY_LINGER: "0",
    });
    await using browser = await Chromium.start();
    const holder = await Source.open(browser, server, "/a");
    await holder.until(({ readyState }) => readyState === OPEN);
    const source = await Source.open(browser, server, "/a");
    const { controls } = await source.until(({ controls }) =>
      controls.some(({ type }) => type === "error")
    );
    assertEquals(controls[0]!.type, "close");
    assertEquals(controls[0]!.code, "too_many_connections");
    assertEquals(controls[0]!.retry, true);
    await holder.page.close();
    const later = await source.until(({ controls }) =>
      controls.some(({ type }) => type === "open")
    );
    // It was never given up.
    assert(later.controls.every(({ state }) => !state));
    const id = await send(`${server.url}/a`, 1);
    const { heard } = await source.until(({ heard }) => heard.length > 0);
    assertEquals(heard, [[id, 1]]);
  });

  test(`EventSource gives up after a final refusal by a ${runtime} server`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const refused = await Source.open(browser, server, "?channel=a/../b");
    const { controls } = await refused.until(({ controls }) => controls.length);
    assertEquals(controls, [{ type: "error", state: CLOSED }]);
  });
}
