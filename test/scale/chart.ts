/** A line of the chart: a value for each number of processes. */
export interface Line {
  readonly name: string;
  readonly values: readonly number[];
  /** Drawn with dashes. */
  readonly isDashed: boolean;
  /** Which of the colours; lines that belong together have the same. */
  readonly colour: number;
}

const size = { width: 760, height: 380, left: 56, right: 250, top: 46, bottom: 40 };
const colours = ['#2f6feb', '#d1242f', '#1a7f37'];

/** Units a second over processes, as SVG that reads well on a light and on a dark page. */
export function chart(title: string, processes: readonly number[], lines: readonly Line[]): string {
  const most = Math.max(...lines.flatMap(({ values }) => values));
  const inner = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom };
  const x = (index: number): number => size.left + (index / (processes.length - 1)) * inner.width;
  const y = (value: number): number => size.top + inner.height * (1 - value / most);
  const step = 10 ** Math.floor(Math.log10(most));
  const ticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step);
  const parts = [
    ...ticks.map(
      (tick) =>
        `<path d="M${size.left} ${y(tick).toFixed(1)}h${inner.width}" class="grid"/><text x="${size.left - 8}" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${tick}</text>`,
    ),
    ...processes.map(
      (count, index) => `<text x="${x(index)}" y="${size.height - 18}" text-anchor="middle">${count}</text>`,
    ),
  ];
  const labels = lines
    .map((line) => ({ ...line, at: y(line.values.at(-1) ?? 0) }))
    .sort((one, other) => one.at - other.at);
  let last = Number.NEGATIVE_INFINITY;
  for (const { name, values, isDashed, colour, at } of labels) {
    const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
    last = Math.max(at, last + 15);
    parts.push(
      `<polyline points="${points.join(' ')}" stroke="${colours[colour]}"${isDashed ? ' stroke-dasharray="5 4"' : ''}/>`,
      `<text x="${size.width - size.right + 8}" y="${(last + 4).toFixed(1)}" style="fill:${colours[colour]}">${name}</text>`,
    );
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}" role="img">
<title>${title}</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-size: 15px; font-weight: 600 }
.grid { stroke: #9aa5b1; stroke-opacity: 0.3 }
polyline { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } }
</style>
<text x="8" y="18" class="title">${title}</text>
<text x="8" y="36">units a second, over processes</text>
${parts.join('\n')}
</svg>
`;
}
