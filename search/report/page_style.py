"""The looks of the page: light, dark and on paper, on a phone and on a screen."""

_LIGHT = """
  --paper: #fefefe; --panel: #f4f6f9; --ink: #1b2430; --soft: #5a6573; --line: #d8dee6;
  --network: #1d5fc2; --plain: #c24e0e; --ensemble: #0b7d64; --logistic: #626d7a;
  --boosting: #7e4cb3;
"""
_DARK = """
  --paper: #11151b; --panel: #1a2029; --ink: #e7ecf2; --soft: #9eabba; --line: #323c49;
  --network: #6fa9ff; --plain: #ff9b5e; --ensemble: #4ccfae; --logistic: #aab5c2;
  --boosting: #c29df2;
"""

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
html {{ -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }}
body {{
  margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 3rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}}
h1 {{ font-size: clamp(1.6rem, 1.2rem + 2vw, 2.5rem); line-height: 1.15; margin: 0.25rem 0 1rem;
  letter-spacing: -0.015em; text-wrap: balance; }}
h2 {{ font-size: 1.4rem; line-height: 1.25; margin: 3rem 0 0.75rem; padding-top: 1rem;
  border-top: 2px solid var(--line); }}
h3 {{ font-size: 1.05rem; line-height: 1.35; margin: 0 0 0.35rem; }}
section > h3 {{ margin-top: 1.75rem; }}
p {{ margin: 0 0 1rem; max-width: 68ch; }}
.eyebrow {{ color: var(--soft); font-size: 0.9rem; margin: 0; }}
.lead {{ font-size: 1.15rem; }}
.soft, figcaption, dt {{ color: var(--soft); }}
.warning {{ border-left: 4px solid var(--plain); padding-left: 0.75rem; }}
.keys {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr));
  gap: 0.75rem; margin: 1.5rem 0; padding: 0; list-style: none; }}
.keys li {{ background: var(--panel); border-radius: 0.6rem; padding: 0.9rem 1rem;
  font-size: 0.9rem; line-height: 1.4; color: var(--soft); }}
.keys strong {{ display: block; font-size: 1.7rem; line-height: 1.25; color: var(--ink);
  font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }}
.figures {{ display: grid; gap: 2.25rem 2.5rem; margin: 1.5rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); align-items: start; }}
.three {{ grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }}
figure {{ margin: 0; min-width: 0; max-width: 34rem; }}
figcaption {{ font-size: 0.88rem; line-height: 1.45; }}
figcaption h3 {{ color: var(--ink); }}
.picture {{ display: block; width: 100%; height: auto; margin-top: 0.6rem; }}
.picture text {{ font-family: inherit; }}
.picture * {{ stroke-linejoin: round; stroke-linecap: butt; }}
.scroll {{ overflow-x: auto; margin: 0 0 1.5rem; }}
.scroll:focus-visible {{ outline: 2px solid var(--network); outline-offset: 2px; }}
table {{ border-collapse: collapse; font-size: 0.88rem; line-height: 1.4; overflow-wrap: normal;
  font-variant-numeric: tabular-nums; }}
.numbers tbody th {{ position: sticky; left: 0; min-width: 7.5rem; background: var(--paper); }}
.words td:last-child {{ min-width: 13rem; }}
th, td {{ padding: 0.4rem 0.9rem 0.4rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }}
thead th {{ color: var(--soft); font-weight: 600; vertical-align: bottom; }}
tbody th {{ font-weight: 500; }}
.numbers td, .numbers thead th:not(:first-child) {{ text-align: right; white-space: nowrap; }}
td small {{ display: block; color: var(--soft); }}
td, tbody th {{ max-width: 26rem; overflow-wrap: break-word; }}
dl {{ display: grid; grid-template-columns: minmax(6.5rem, max-content) 1fr; gap: 0.3rem 1rem;
  margin: 0 0 1.5rem; font-size: 0.92rem; }}
dd {{ margin: 0; min-width: 0; }}
.facts {{ columns: 2 24rem; column-gap: 2.5rem; }}
.facts > div {{ break-inside: avoid; }}
pre {{ background: var(--panel); border-radius: 0.4rem; padding: 0.75rem 1rem; margin: 0 0 1rem;
  font: 0.85rem/1.5 ui-monospace, "SF Mono", Consolas, monospace; white-space: pre-wrap; }}
footer {{ margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: 0.88rem; }}
@media print {{
  @page {{ margin: 16mm 14mm; }}
  html {{ font-size: 9.5pt; }}
  body {{ padding: 0; max-width: none; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }}
  h2 {{ margin-top: 1.5rem; }}
  h2, h3 {{ break-after: avoid; }}
  figure, tr, li, dl > *, pre {{ break-inside: avoid; }}
  .figures {{ grid-template-columns: 1fr 1fr; gap: 1.25rem 1.5rem; }}
  .keys {{ grid-template-columns: repeat(4, 1fr); }}
  .keys strong {{ font-size: 1.3rem; }}
  .scroll {{ overflow: visible; }}
  .numbers tbody th {{ position: sticky; left: 0; min-width: 7.5rem; background: var(--paper); }}
.words td:last-child {{ min-width: 0; }}
  table {{ font-size: 8pt; }}
  th, td {{ padding-right: 0.5rem; }}
}}
"""
