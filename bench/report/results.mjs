import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { endurance, growth } from '../workloads.mjs';
import { chart } from './chart.mjs';
import { median, short, spread } from './statistics.mjs';

const titleOf = ({ name, title }) => title ?? name;

/** A Markdown table: a row a workload, a column a peer. `cell` gives a peer's text for a workload. */
function table(peers, workloads, cell) {
  const rows = workloads.map((workload) => [workload.title, ...peers.map((peer) => cell(peer, workload))]);
  return [
    `| | ${peers.map(titleOf).join(' | ')} |`,
    `|---|${'---:|'.repeat(peers.length)}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}

const counted = (counts, what) => (peer, workload) => short(counts[peer.name]?.[workload.name]?.[what]);
const whole = (counts, what) => (peer, workload) => {
  const value = counts[peer.name]?.[workload.name]?.[what];
  return value === undefined ? '-' : String(Number(value.toFixed(2)));
};
const samplesOf = (samples, peer, workload, what) =>
  (samples[peer.name]?.[workload.name] ?? []).map((sample) => sample[what]);
const timed = (samples, what) => (peer, workload) => short(median(samplesOf(samples, peer, workload, what)));
const withSpread = (samples, what) => (peer, workload) => {
  const values = samplesOf(samples, peer, workload, what);
  const width = spread(values);
  return width === undefined ? short(median(values)) : `${short(median(values))} ±${Math.round(width * 100)} %`;
};
/** The median of what a peer took in a round over what another one took in the same round. */
const ratio = (samples, what, base) => (peer, workload) => {
  const own = samplesOf(samples, peer, workload, what);
  const others = samplesOf(samples, { name: base }, workload, what);
  return others.length === 0 ? '-' : short(median(own.map((value, round) => value / others[round])));
};

function sections(peers, workloads, { counts, next, far, growth: grown, endurance: endured }) {
  const distant = workloads.filter(({ name }) => Object.values(far).some((samples) => samples[name]));
  const parts = [
    ['Round trips an operation', table(peers, workloads, whole(counts, 'roundTrips'))],
    ['Connections', table(peers, workloads, whole(counts, 'connections'))],
    ['Milliseconds for which connections are held, an operation', table(peers, workloads, counted(counts, 'held'))],
  ];
  if (Object.keys(next).length > 0) {
    parts.push(
      ['CPU of the client, milliseconds an operation', table(peers, workloads, withSpread(next, 'cpu'))],
      [
        'CPU of the client over MikroORM’s, the median of the ratios of each round',
        table(peers, workloads, ratio(next, 'cpu', 'mikro-orm')),
      ],
      ['CPU of the server, milliseconds an operation', table(peers, workloads, timed(next, 'server'))],
      ['Wall time next door, milliseconds an operation', table(peers, workloads, withSpread(next, 'wall'))],
      ['Wall time at 1 ms each way, milliseconds an operation', table(peers, distant, withSpread(far, 'wall'))],
      ['Wall time at 1 ms each way over pg by hand', table(peers, distant, ratio(far, 'wall', 'pg'))],
      ['Peak memory of the process, MB', table(peers, workloads, timed(next, 'peak'))],
    );
  }
  if (grown !== undefined) {
    const growing = peers.filter(({ name }) => grown[name]);
    const perPart = (peer, workload) => {
      const cpu = median(samplesOf(grown, peer, workload, 'cpu'));
      return cpu === undefined ? '-' : short((cpu * 1000) / workload.parts);
    };
    parts.push(
      ['Growth: CPU of the client, microseconds an entity or a unit', table(growing, growth, perPart)],
      ['Growth: kilobytes more on the heap after it, all told', table(growing, [endurance], timed(endured, 'heap'))],
    );
  }
  return parts;
}

export function printTables(peers, workloads, results) {
  for (const [title, text] of sections(peers, workloads, results)) {
    console.log(`\n${title}\n\n${text}`);
  }
}

const results = new URL('../results/', import.meta.url);

/** RESULTS.md, the charts, and the SQL that each peer sends for one operation of each workload. */
export async function writeResults(peers, workloads, measured) {
  await mkdir(results, { recursive: true });
  const small = workloads.filter(({ name }) => pictured.includes(name));
  const far = (peer, workload) => median(samplesOf(measured.far, peer, workload, 'wall'));
  const cpu = (peer, workload) => median(samplesOf(measured.next, peer, workload, 'cpu'));
  await writePicture(peers, workloads, measured.counts);
  await writeFile(
    new URL('wall-at-1-ms.svg', results),
    chart('Wall time at 1 ms each way', bars(peers, small, far, 'ms')),
  );
  await writeFile(
    new URL('cpu.svg', results),
    chart('CPU of the client a unit of work', bars(peers, small, cpu, 'ms')),
  );
  await writeFile(
    new URL('../RESULTS.md', import.meta.url),
    `# Results

Written by \`npm run bench\`: ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${measured.node}, an embedded PostgreSQL 18 with its
defaults next door, ${new Date().toISOString().slice(0, 10)}. Medians of ${measured.rounds} rounds, after some that warm up (six next
door for what takes milliseconds, else one or two), in which the peers take turns, each in a process of its own; ± is half of the distance between the quartiles. Ratios are worth quoting, milliseconds are this machine's. Counts were taken in
a run of their own, through a proxy that reads the protocol. After each round the rows are checked. "-": the peer has nothing of its own for it.
The SQL of each peer is in [results/sql.md](results/sql.md), its code in [peers/](peers/).

![Round trips](results/round-trips.svg)
![Wall time at 1 ms each way](results/wall-at-1-ms.svg)
![CPU](results/cpu.svg)

${sections(peers, workloads, measured)
  .map(([title, text]) => `## ${title}\n\n${text}\n`)
  .join('\n')}`,
  );
}

/** The workloads that are drawn. */
export const pictured = ['insert', 'change', 'transfer', 'twoLevels'];

const bars = (peers, workloads, numberOf, unit) =>
  workloads.map((workload) => ({
    title: workload.title,
    bars: peers
      .map((peer) => ({
        name: titleOf(peer),
        value: numberOf(peer, workload),
        isOwn: peer.name.startsWith('mikro-orm-uow'),
      }))
      .filter(({ value }) => value !== undefined)
      .map((one) => ({ ...one, label: unit === '' ? String(one.value) : `${short(one.value)} ${unit}` })),
  }));

/** The chart of round trips, which depends on nothing but the peers, and the SQL that they send. */
export async function writePicture(peers, workloads, counts) {
  await mkdir(results, { recursive: true });
  const trips = (peer, workload) => counts[peer.name]?.[workload.name]?.roundTrips;
  const small = workloads.filter(({ name }) => pictured.includes(name));
  await writeFile(
    new URL('round-trips.svg', results),
    chart('Round trips a unit of work', bars(peers, small, trips, '')),
  );
  await writeFile(new URL('sql.md', results), sqlPage(peers, workloads, counts));
}

function sqlPage(peers, workloads, counts) {
  const page = ['# The SQL of each peer, for one operation of each workload\n'];
  for (const peer of peers) {
    page.push(`## ${titleOf(peer)}\n`);
    for (const workload of workloads) {
      const sql = counts[peer.name]?.[workload.name]?.sql;
      if (sql !== undefined) {
        const lines = sql.map((text) => text.replaceAll(/\s+/g, ' ').trim()).map((text) => cut(text, 240));
        const shown = lines.length > 14 ? [...lines.slice(0, 10), `-- and ${lines.length - 10} more`] : lines;
        page.push(`### ${workload.title}\n`, '```sql', ...shown, '```\n');
      }
    }
  }
  return `${page.join('\n')}`;
}

const cut = (text, length) => (text.length > length ? `${text.slice(0, length)} …` : text);
