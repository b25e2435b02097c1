/**
 * The page's markup and style: one file, no build step, nothing from elsewhere.
 * @module
 */

/** The page; `script` is where its program is served. */
export function html(script: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Halley</title>
<style>${style}</style>
<header>
  <h1>Halley</h1>
  <p id="state" role="status" data-state="waiting">connecting</p>
  <label>Transport
    <select id="transport">
      <option>auto<option>stream<option>sse<option>poll
    </select>
  </label>
  <button id="cut" type="button">Cut the connection</button>
</header>
<main>
  <section aria-labelledby="h-listen">
    <h2 id="h-listen">Listen</h2>
    <form id="listen">
      <label for="name">Channel or pattern</label>
      <div class="row">
        <input id="name" placeholder="news/*" autocomplete="off" autocapitalize="off" spellcheck="false">
        <button>Listen</button>
      </div>
    </form>
    <ul id="names" aria-label="Listening to"></ul>
    <h2 id="h-publish">Publish</h2>
    <form id="publish" aria-labelledby="h-publish">
      <label for="channel">Channel</label>
      <input id="channel" value="news" required autocomplete="off" autocapitalize="off" spellcheck="false">
      <label for="data">Data (JSON, or text)</label>
      <textarea id="data" rows="4" spellcheck="false">{"hello": "world"}</textarea>
      <div class="row"><button>Publish</button><output id="result"></output></div>
    </form>
  </section>
  <section aria-labelledby="h-messages">
    <div class="row"><h2 id="h-messages">Messages</h2><button id="clear" type="button">Clear</button></div>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="h-messages">
      <table>
        <thead><tr><th scope="col">time<th scope="col">channel<th scope="col">data<th scope="col">id<th scope="col">latency</tr></thead>
        <tbody id="messages" aria-live="polite" aria-relevant="additions"></tbody>
      </table>
      <p class="hint">Nothing yet. Publish here, or from a terminal:
        <code>curl -d hello <span id="origin"></span>/push/news</code></p>
    </div>
    <h2 id="h-events">Connection</h2>
    <ol id="events" aria-labelledby="h-events"></ol>
  </section>
</main>
<noscript>This page needs JavaScript.</noscript>
<script>document.getElementById("origin").textContent = location.origin</script>
<script type="module" src="${script}"></script>
</html>
`;
}

const style = `
:root { --back: #fff; --text: #1a1c20; --dim: #5b616b; --line: #d5d9e0; --field: #f5f6f8; --accent: #2450c8; --good: #14713d; --bad: #b3261e; --warn: #8a5a00 }
@media (prefers-color-scheme: dark) {
  :root { --back: #14161a; --text: #e7e9ee; --dim: #a0a7b4; --line: #333842; --field: #1d2026; --accent: #8fb0ff; --good: #6fd39a; --bad: #ff9d94; --warn: #f0c060 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; padding: .75rem 1rem; border-bottom: 1px solid var(--line) }
h1 { font-size: 1.25rem; margin: 0 }
h2 { font-size: 1rem; margin: 1.25rem 0 .4rem }
section > h2:first-child, .row > h2 { margin-top: 0 }
#state { margin: 0 auto 0 0; font-weight: 600 }
#state::before { content: "● " }
#state[data-state=open] { color: var(--good) }
#state[data-state=waiting] { color: var(--warn) }
#state[data-state=closed] { color: var(--bad) }
main { display: grid; grid-template-columns: minmax(0, 22rem) minmax(0, 1fr); gap: 1.5rem; padding: 1rem; max-width: 90rem; margin: auto }
@media (max-width: 56rem) { main { grid-template-columns: minmax(0, 1fr) } }
@media (max-width: 48rem) { #state { flex-basis: 100%; order: 1 } }
label { display: block; font-size: .875rem; color: var(--dim); margin: .4rem 0 .15rem }
header label { display: flex; gap: .5rem; align-items: center; margin: 0 }
input, textarea, select, button { font: inherit; color: inherit; background: var(--field); border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .6rem }
input, textarea { width: 100% }
::placeholder { color: var(--dim); opacity: 1 }
textarea, td, code { font-family: ui-monospace, monospace; font-size: .875rem }
button { cursor: pointer; white-space: nowrap }
form button { border-color: var(--accent); color: var(--accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
.row { display: flex; gap: .5rem; align-items: center; margin-top: .4rem }
.row > h2 { margin-right: auto; margin-bottom: 0 }
output { color: var(--dim); font-size: .875rem; overflow-wrap: anywhere }
ul, ol { list-style: none; margin: .5rem 0 0; padding: 0 }
#names { display: flex; flex-wrap: wrap; gap: .4rem }
#names li { display: flex; align-items: center; gap: .3rem; max-width: 100%; overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .2rem 0 .7rem }
#names button { border: 0; background: none; padding: .3rem .5rem; line-height: 1 }
#events { max-height: 18rem; overflow: auto; font-size: .875rem }
#events li { border-top: 1px solid var(--line); padding: .25rem 0 }
time { color: var(--dim) }
.scroll { overflow: auto; max-height: 60vh; border: 1px solid var(--line); border-radius: .4rem; margin-top: .5rem }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-size: .8rem; color: var(--dim); position: sticky; top: 0; background: var(--back) }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
td:nth-child(2), td:nth-child(3) { overflow-wrap: anywhere; min-width: 7rem }
td:nth-child(1), td:nth-child(4), td:nth-child(5) { white-space: nowrap; color: var(--dim) }
@media (max-width: 48rem) {
  thead { display: none }
  tr { display: grid; grid-template-columns: auto minmax(0, 1fr); column-gap: 1rem; align-items: start; border-bottom: 1px solid var(--line); padding: .3rem .6rem }
  td { border: 0; padding: 0 }
  td:nth-child(2), td:nth-child(5) { text-align: end }
  td:nth-child(3) { grid-column: 1 / -1; order: 1 }
  td:nth-child(4) { order: 2 }
  td:nth-child(5) { order: 3 }
}
.hint { color: var(--dim); padding: 0 .8rem }
table:has(tbody tr) + .hint { display: none }
`;
