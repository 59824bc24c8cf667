"""How the report looks: light and dark, on a phone, on paper."""

STYLE = """
:root { --paper: #fdfcfa; --card: #ffffff; --ink: #1c2430; --soft: #5c6675; --line: #e3e1dc; --accent: #0b6e69;
  --wash: #e4f1ef; --warm: #b4501a; --warm-wash: #fbeee3; --v0: #2f6fd0; --v1: #7f8fc4; --v2: #a59ba6; --v3: #cf8a5a;
  --v4: #d9630b; --none: #b6bac0; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161b; --card: #191e25; --ink: #e6e9ed; --soft: #9aa5b3;
  --line: #2c343d; --accent: #52c7bb; --wash: #17322f; --warm: #f0985c; --warm-wash: #3a2616; --v0: #5a9bff;
  --v1: #7f95cc; --v2: #93919f; --v3: #d09266; --v4: #ff9440; --none: #59626d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: clamp(1.6rem, 4.5vw, 2.4rem); line-height: 1.15; margin: .2rem 0 1rem; letter-spacing: -.015em;
  text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 0 0 .6rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p { margin: .5rem 0; max-width: 44rem; }
section { margin-top: 2.6rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
.eyebrow, .note, figcaption { color: var(--soft); font-size: .87rem; }
.eyebrow { margin: 0; }
.lead { font-size: 1.22rem; line-height: 1.45; }
.lead strong { color: var(--accent); }
code { font: .86em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .8rem;
  margin: 1.4rem 0 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; font-weight: 650; letter-spacing: -.02em; }
.tile span { display: block; font-size: .87rem; color: var(--soft); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1.2rem; }
figure:only-child { max-width: 32rem; } figure.long { max-width: none; }
figure { margin: .8rem 0 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem 1rem .7rem; break-inside: avoid; min-width: 0; }
figure h3 { margin: 0 0 .3rem; }
figcaption { margin-top: .35rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font: 11px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
svg .strong { fill: var(--ink); font-weight: 600; }
svg .grid { stroke: var(--line); fill: none; }
svg .faint { stroke: var(--soft); stroke-dasharray: 4 4; fill: none; stroke-width: 1.2; }
svg .line { stroke: var(--accent); fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .fill { fill: var(--accent); }
svg .bar { fill: var(--accent); opacity: .85; }
svg .band { fill: var(--wash); }
svg .dots { fill: none; stroke-linecap: round; stroke: var(--accent); opacity: .75; }
svg .v0 { stroke: var(--v0); } svg .v1 { stroke: var(--v1); } svg .v2 { stroke: var(--v2); }
svg .v3 { stroke: var(--v3); } svg .v4 { stroke: var(--v4); } svg .none { stroke: var(--none); }
.wide { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { white-space: normal; color: var(--soft); font-weight: 500; font-size: .84rem; vertical-align: bottom; }
tbody th { font-weight: 500; white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
table.even { table-layout: fixed; min-width: 29rem; }
table.seven { min-width: 37rem; }
table.even th:first-child { width: 24%; }
td small, th small { display: block; color: var(--soft); font-size: .78rem; font-weight: 400; }
td.best, .best { color: var(--accent); font-weight: 650; }
.stray { color: var(--warm); font-weight: 600; }
.meter { display: inline-block; position: relative; width: 7.5rem; height: .7rem; border-radius: .2rem;
  background: var(--wash); vertical-align: middle; }
.meter i { position: absolute; inset: 0 auto 0 0; background: var(--accent); border-radius: .2rem; }
.meter u { position: absolute; top: -.18rem; bottom: -.18rem; width: 2px; background: var(--ink); }
.key i { display: inline-block; width: .75rem; height: .75rem; border-radius: 50%; vertical-align: -.06rem;
  margin: 0 .3rem 0 .7rem; }
.warm { background: var(--warm-wash); border-left: 3px solid var(--warm); padding: .6rem 1rem; border-radius: .3rem; }
.badge { font-size: .78rem; font-weight: 600; padding: .1rem .45rem; border-radius: .3rem; background: var(--wash);
  color: var(--accent); margin-right: .4rem; }
.badge.suspect { background: var(--warm-wash); color: var(--warm); }
.bee { display: grid; grid-template-columns: 15rem 1fr; gap: .8rem; align-items: center;
  border-bottom: 1px solid var(--line); }
.bee p { margin: .25rem 0; font-size: .88rem; line-height: 1.3; }
ul { padding-left: 1.15rem; margin: .4rem 0; } li { margin: .25rem 0; max-width: 46rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { body { font-size: 15px; } main { padding: 1.5rem 1rem 3rem; }
  .long { overflow-x: auto; } .long svg { min-width: 38rem; } .bee svg text { font-size: 16px; }
  .bee { grid-template-columns: 1fr; gap: 0; } .bee p { margin-top: .5rem; }
  .tiles { grid-template-columns: 1fr 1fr; } .tile b { font-size: 1.4rem; } .meter { width: 4.5rem; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } th, td { padding: .35rem .4rem; } }
@media print { :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #ccc; --accent: #0b6e69;
  --wash: #e4f1ef; --warm: #b4501a; --warm-wash: #fbeee3; --none: #b6bac0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  section { padding-top: .8rem; margin-top: 1.2rem; }
  h2, h3 { break-after: avoid; } tr, .tile, .bee { break-inside: avoid; } .wide { overflow: visible; } }
"""
