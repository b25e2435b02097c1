/**
 * Two nodes behind nginx and HAProxy, configured as docs/coming-from-comet4j.md says:
 * every connection of Comet4J comes back to its own.
 */
import { assert, assertEquals } from "@std/assert";
import { send, test } from "../outside.ts";
import { read as frame } from "../protocol/comet4j/site.ts";
import { Balanced, PROXIES } from "./balanced.ts";

const GUIDE = "docs/coming-from-comet4j.md";

/** How many pages come. */
const PAGES = 16;

for (const name of PROXIES) {
  test(`${name} as in the guide brings a page back to its node`, async () => {
    await using balanced = await Balanced.start(name, GUIDE, "/conn");
    const url = `${balanced.origin}/conn`;
    const pages: { cid: string; cookie: string }[] = [];
    for (let n = 0; n < PAGES; n++) {
      const conn = await fetch(`${url}?cmd=conn`);
      const [cookie] = conn.headers.getSetCookie()[0]!.split(";");
      const { data } = frame(await conn.text());
      pages.push({ cid: data.cId, cookie: cookie! });
    }
    assertEquals(new Set(pages.map(({ cookie }) => cookie)).size, PAGES);
    const counts = await balanced.followers("hello");
    assert(counts.every((count) => count > 0), `${counts}`);
    assertEquals(counts[0]! + counts[1]!, PAGES);
    for (let round = 0; round < 3; round++) {
      for (const node of balanced.nodes) await send(`${node.url}/hello`, round);
      for (const { cid, cookie } of pages) {
        const headers = { cookie };
        const query = `?cmd=revival&cid=${cid}`;
        const answer = await fetch(url + query, { headers });
        assertEquals(answer.status, 200, balanced.output);
        assertEquals(frame(await answer.text()).data, round);
      }
    }
  });
}
