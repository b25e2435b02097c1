/** A chat, a resumable token stream, a dashboard, and push inside a Hono app. */
import { assert, assertEquals } from "@std/assert";
import { listen, publish, subscribe } from "../http/halley.ts";
import { Folder, test } from "../runtimes/programs.ts";
import { readExample, RUNTIMES, serve } from "./examples.ts";

test("the chat, the token stream and the dashboard have under 60 lines each", () => {
  for (const name of ["chat", "tokens", "dashboard"]) {
    const lines = readExample(`${name}.ts`).split("\n").length - 1;
    assert(lines < 60, `${name}: ${lines}`);
  }
  return Promise.resolve();
});

for (const runtime of RUNTIMES) {
  test(`examples/chat.ts on ${runtime}: who comes late reads what was said, and sees who joins`, async () => {
    await using folder = new Folder();
    await using chat = await serve(folder, runtime, "chat.ts", "/");
    const page = await (await fetch(chat.url)).text();
    assert(page.includes("<title>Chat</title>"));
    const room = `${chat.url}/room/lobby`;
    const said = { from: "ann", said: "hello" };
    assertEquals((await publish(room, said)).status, 200);
    const url = `${room}?since=earliest&presence=1`;
    const { listener } = await subscribe(url);
    assertEquals(await listener.data(1), [said]);
    const other = await subscribe(url);
    const { type, data } = await listener.frame("join");
    assertEquals([type, data.connection], ["join", other.open.connection]);
    await publish(room, { from: "bob", said: "hi" });
    assertEquals((await listener.data(1))[0], { from: "bob", said: "hi" });
    for (const refused of ["/room/LOBBY", "/elsewhere", "/room/lobby?to=*"]) {
      const { status } = await publish(chat.url + refused, said);
      assertEquals(status, 401, refused);
    }
    await listener.close();
    await other.listener.close();
  });

  test(`examples/tokens.ts on ${runtime}: an answer goes on after a lost connection, and can be read later`, async () => {
    await using folder = new Folder();
    await using model = await serve(folder, runtime, "tokens.ts", "/");
    const response = await fetch(`${model.url}/ask`, {
      method: "POST",
      body: "why",
    });
    assertEquals(response.status, 202);
    const { url } = await response.json();
    const first = await listen(model.url + url);
    const { id, data } = await first.frame("message");
    const tokens = [data.token];
    await first.close();
    const [path] = url.split("?");
    const again = await listen(model.url + path, { "last-event-id": id });
    const read = async (from: typeof again) => {
      const found: string[] = [];
      for (;;) {
        const { data } = await from.frame("message");
        if ("end" in data) return [...found, data.end];
        found.push(data.token);
      }
    };
    tokens.push(...await read(again));
    const whole = "You asked: why. I do not know.";
    assertEquals(tokens.join("").trim(), `${whole} done`);
    const later = await listen(model.url + url);
    assertEquals(await read(later), tokens);
    await again.close();
    await later.close();
  });

  test(`examples/dashboard.ts on ${runtime}: who comes sees the present numbers at once`, async () => {
    await using folder = new Folder();
    await using dashboard = await serve(folder, runtime, "dashboard.ts", "/");
    const page = await (await fetch(dashboard.url)).text();
    assert(page.includes("/stats/*?since=earliest"));
    const url = `${dashboard.url}/stats/*`;
    const { listener: first } = await subscribe(url);
    await first.data(4);
    const late = await listen(`${url}?since=earliest`);
    await late.frame("open");
    const names = new Set<string>();
    while (names.size < 4) {
      const { channel, data } = await late.frame("message");
      assertEquals(typeof data, "number");
      names.add(channel);
    }
    const all = ["load", "memory", "uptime", "watchers"];
    assertEquals([...names].sort(), all.map((name) => `stats/${name}`));
    await first.close();
    await late.close();
  });

  test(`examples/hono_app.ts on ${runtime}: the app's session says who hears what`, async () => {
    await using folder = new Folder();
    await using shop = await serve(folder, runtime, "hono_app.ts", "/");
    const login = await fetch(`${shop.url}/login/ann`, { method: "POST" });
    assertEquals(login.headers.get("x-powered-by"), "the shop");
    const cookie = login.headers.get("set-cookie")!.split(";")[0]!;
    const push = `${shop.url}/push/orders`;
    assertEquals((await fetch(`${push}/ann`)).status, 401);
    const foreign = await fetch(`${push}/bob`, { headers: { cookie } });
    assertEquals(foreign.status, 403);
    // Nobody is called so that their own orders are everybody's.
    for (const name of ["*", "**", "x%2F*", "ann%2F**"]) {
      const login = await fetch(`${shop.url}/login/${name}`, {
        method: "POST",
      });
      await login.body?.cancel();
      const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
      const theirs = await fetch(`${push}/${decodeURIComponent(name)}`, {
        headers: { cookie },
      });
      await theirs.body?.cancel();
      assertEquals([login.status, theirs.status], [404, 401], name);
    }
    const { listener } = await subscribe(`${push}/ann`, { cookie });
    const order = await fetch(`${shop.url}/orders`, {
      method: "POST",
      headers: { cookie },
      body: "a book",
    });
    assertEquals(order.status, 201);
    const placed = { item: "a book", state: "placed" };
    assertEquals(await listener.data(1), [placed]);
    await listener.close();
  });
}
