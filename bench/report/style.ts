/**
 * How the page looks, in the light and in the dark, on wide screens and phones.
 * @module
 */

/** The style sheet. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --ink: #1d2330; --quiet: #5c6577; --rule: #dfe2e8;
  --c0: #7b8494; --c1: #d1491b; --c2: #1f6fc5; --c3: #7a4fc0; --c4: #1b8a5a;
  --c5: #a3750c; --bad: #b3261e; --good: #17754b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171d; --ink: #e6e9ef; --quiet: #9aa4b5; --rule: #2c323d;
    --c0: #8d97a8; --c1: #ff8a5c; --c2: #6bb0ff; --c3: #b79aff; --c4: #5cd19a;
    --c5: #e3b84b; --bad: #ff8a80; --good: #5cd19a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 76rem;
  background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; }
p { margin: .25rem 0 .75rem; max-width: 48rem; }
.quiet, footer, summary { color: var(--quiet); font-size: .9rem; }
.plots {
  display: grid; gap: 1.25rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr));
}
figure { margin: 0; max-width: 36rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
svg text.title { fill: var(--ink); font-weight: 600; font-size: 12px; }
.grid { stroke: var(--rule); fill: none; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.spread { stroke: var(--ink); stroke-width: 1.5; opacity: .7; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .9rem;
  margin: .5rem 0 0; padding: 0; list-style: none; }
.legend svg { width: 26px; height: 10px; display: inline-block;
  margin-right: .35rem; vertical-align: middle; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
thead th { color: var(--quiet); font-weight: 500; white-space: normal;
  min-width: 5.5rem; vertical-align: bottom; }
th:first-child { text-align: left; position: sticky; left: 0;
  background: var(--paper); }
td small { color: var(--quiet); display: block; font-size: .75rem; }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); }
li { margin-bottom: .35rem; max-width: 60rem; }
${
  [0, 1, 2, 3, 4, 5].map((i) =>
    `.s${i} { stroke: var(--c${i}); } .f${i} { fill: var(--c${i}); }`
  ).join("\n")
}
`;
