/**
 * Two nodes behind nginx and HAProxy, configured as docs/coming-from-comet4j.md says:
 * every connection of Comet4J comes back to its own.
 */
import { assert, assertEquals } from "@std/assert";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { blocksOf, read } from "../documents.ts";
import { Child, freePort } from "../http/child.ts";
import { send, Server, test, tool, until } from "../outside.ts";
import { read as frame } from "../protocol/comet4j/site.ts";

const blocks = blocksOf(read("docs/coming-from-comet4j.md"));

/** How many pages come. */
const PAGES = 16;

/** A configuration of the guide as a whole file, and what runs it. */
const PROXIES: Record<
  string,
  (folder: string, config: string) => [text: string, command: string[]]
> = {
  nginx(folder, config) {
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const text = `${user} daemon off; pid ${folder}/pid; error_log stderr;
      events {} http { access_log off; ${paths} ${config} }`;
    const file = `${folder}/config`;
    return [text, [tool("nginx"), "-p", folder, "-c", file, "-e", "stderr"]];
  },
  haproxy: (folder, config) => [
    config,
    [tool("haproxy"), "-db", "-f", `${folder}/config`],
  ],
};

/** How many follow `hello` on a node. */
async function followers({ url }: Server): Promise<number> {
  const answer = await fetch(`${url}/$presence?channel=hello`);
  return (await answer.json()).presence.hello.length;
}

for (const [name, whole] of Object.entries(PROXIES)) {
  test(`${name} as in the guide brings a page back to its node`, async () => {
    await using one = await Server.start("deno");
    await using two = await Server.start("bun");
    const nodes = [one, two];
    const port = await freePort();
    const folder = await mkdtemp(`${tmpdir()}/halley-affinity-`);
    const config = blocks.find(({ language }) => language === name)!.text
      .replaceAll("8000", `${port}`).replaceAll("8001", `${one.port}`)
      .replaceAll("8002", `${two.port}`);
    const [text, command] = whole(folder, config);
    await writeFile(`${folder}/config`, text);
    await using proxy = new Child(command);
    const url = `http://127.0.0.1:${port}/conn`;
    await until(async () => {
      const answer = await fetch(url).catch(() => {});
      await answer?.body?.cancel();
      return answer?.status === 400;
    }, () => proxy.output);

    const pages: { cid: string; cookie: string }[] = [];
    for (let n = 0; n < PAGES; n++) {
      const conn = await fetch(`${url}?cmd=conn`);
      const [cookie] = conn.headers.getSetCookie()[0]!.split(";");
      const { data } = frame(await conn.text());
      pages.push({ cid: data.cId, cookie: cookie! });
    }
    assertEquals(new Set(pages.map(({ cookie }) => cookie)).size, PAGES);
    const counts = await Promise.all(nodes.map(followers));
    assert(counts.every((count) => count > 0), `${counts}`);
    assertEquals(counts[0]! + counts[1]!, PAGES);
    for (let round = 0; round < 3; round++) {
      for (const node of nodes) await send(`${node.url}/hello`, round);
      for (const { cid, cookie } of pages) {
        const headers = { cookie };
        const query = `?cmd=revival&cid=${cid}`;
        const answer = await fetch(url + query, { headers });
        assertEquals(answer.status, 200, proxy.output);
        assertEquals(frame(await answer.text()).data, round);
      }
    }
    proxy.kill("SIGTERM");
    await proxy.exit;
    await rm(folder, { recursive: true });
  });
}
