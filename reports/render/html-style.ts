/** On a screen and on A4. No font, image or script comes from elsewhere. */
export const STYLE = `
:root { color: #1b1f24; background: #fff; font: 14px/1.45 "Helvetica Neue", Helvetica, Arial, sans-serif; }
body { max-width: 960px; margin: 0 auto; padding: 24px; }
header { border-bottom: 2px solid #0b3d62; padding-bottom: 12px; }
.brand { margin: 0; color: #0b3d62; font-weight: 600; letter-spacing: 0.04em; }
h1 { margin: 2px 0 8px; font-size: 26px; }
header dl { display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 0; }
dt { color: #57606a; }
dd { margin: 0; }
header dd { font-weight: 600; overflow-wrap: anywhere; }
section { margin-top: 26px; }
h2 { margin: 0 0 4px; font-size: 17px; color: #0b3d62; }
.about, .note { color: #57606a; }
.about { margin: 0 0 6px; }
.empty { border-left: 3px solid #b08800; margin: 0; padding: 4px 10px; background: #fff8e6; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }
thead { display: table-header-group; }
th, td { padding: 4px 6px; text-align: left; vertical-align: top; font-weight: 400; overflow-wrap: anywhere; }
thead th { border-bottom: 1px solid #57606a; font-weight: 600; vertical-align: bottom; overflow-wrap: normal; }
tbody tr { border-bottom: 1px solid #e4e8ec; break-inside: avoid; }
.number { text-align: right; white-space: nowrap; overflow-wrap: normal; }
thead .number { white-space: normal; }
figure { margin: 8px 0 0; }
svg { width: 100%; height: auto; font-family: inherit; }
.notes div { margin-bottom: 6px; break-inside: avoid; }
.notes dt { font-weight: 600; }
.notes dd { overflow-wrap: anywhere; }
@page { size: A4; margin: 18mm 15mm; }
@media print {
  :root { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  h2, .about { break-after: avoid; }
  figure, .empty { break-inside: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; }
}
`;
