// Bars beside each other, as SVG that reads well on a light and on a dark page.
const width = 760;
const left = 190;
const bar = 15;

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/**
 * A chart of groups of bars. `groups` is [{ title, bars: [{ name, value, label, isOwn }] }]; each group has a scale of its own.
 */
export function chart(title, groups) {
  const parts = [];
  let y = 44;
  for (const group of groups) {
    const most = Math.max(...group.bars.map(({ value }) => value), Number.MIN_VALUE);
    parts.push(`<text x="8" y="${y}" class="group">${escaped(group.title)}</text>`);
    y += 8;
    for (const { name, value, label, isOwn } of group.bars) {
      const length = Math.max(1, (value / most) * (width - left - 110));
      parts.push(
        `<text x="${left - 8}" y="${y + 11}" text-anchor="end"${isOwn ? ' class="own"' : ''}>${escaped(name)}</text>`,
        `<rect x="${left}" y="${y + 1}" width="${length.toFixed(1)}" height="${bar - 4}" class="${isOwn ? 'ours' : 'bar'}"/>`,
        `<text x="${(left + length + 6).toFixed(1)}" y="${y + 11}">${escaped(label)}</text>`,
      );
      y += bar;
    }
    y += 24;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" role="img">
<title>${escaped(title)}</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-size: 15px; font-weight: 600 }
.group, .own { font-weight: 600 }
.bar { fill: #9aa5b1 }
.ours { fill: #2f6feb }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } .bar { fill: #5b6570 } }
</style>
<text x="8" y="18" class="title">${escaped(title)}</text>
${parts.join('\n')}
</svg>
`;
}
