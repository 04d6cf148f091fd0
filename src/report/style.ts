/** The look of a page. System fonts only, so that nothing is fetched; print drops the colours of the screen. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b646d; --line: #d9dee3; --tint: #f4f6f8; --paper: #ffffff; --link: #1f5fa8; --yes: #1d7a4f; --no: #b3401f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7eb; --soft: #9aa5b0; --line: #343b43; --tint: #1d2228; --paper: #14181d; --link: #7fb2ea; --yes: #58c08f; --no: #ef8a66; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 66rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, "Liberation Sans", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; margin: 3rem 0 .8rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p, li { max-width: 46rem; }
.lead { font-size: 1.1rem; }
a { color: var(--link); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .9rem 1.6rem; margin: 1.4rem 0;
  padding: 1rem 1.2rem; background: var(--tint); border-radius: 6px; }
.facts dt { font-size: .8rem; color: var(--soft); }
.facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
code { font: .92em/1.5 ui-monospace, SFMono-Regular, Menlo, "Liberation Mono", monospace; background: var(--tint); padding: .15em .4em;
  border-radius: 4px; overflow-wrap: anywhere; }
nav ol { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; margin: 0; padding: 0; list-style: none; font-size: .95rem; }
figure { margin: 1.6rem 0 2.2rem; }
figure svg { max-width: 100%; height: auto; display: block; }
figcaption { margin-top: .6rem; max-width: 50rem; font-size: .9rem; color: var(--soft); }
figcaption b { color: var(--ink); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1.2rem 0 1.8rem; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: .9rem; color: var(--soft); padding-bottom: .5rem; max-width: 50rem; }
th, td { padding: .32rem .8rem .32rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th.text, td.text { text-align: left; }
th.number, td.number { text-align: right; white-space: nowrap; }
thead th, thead th.number { white-space: normal; vertical-align: bottom; border-bottom: 2px solid var(--line); font-weight: 600; }
tbody th { font-weight: 600; white-space: nowrap; }
.long { display: inline-block; width: 16rem; white-space: normal; overflow-wrap: anywhere; }
.words { display: inline-block; min-width: 7.5rem; }
.yes { color: var(--yes); font-weight: 600; }
.no { color: var(--no); font-weight: 600; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; vertical-align: -.05em; }
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --tint: #f4f4f4; --paper: #fff; --link: #000; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  nav { display: none; }
  .scroll { overflow: visible; }
  table { font-size: 7.8pt; }
  th, td { padding: .2rem .5rem .2rem 0; }
  th.number, td.number { white-space: normal; }
  figure, tr { break-inside: avoid; }
  h2, h3, summary, caption, thead { break-after: avoid; }
}
`;
