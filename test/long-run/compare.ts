import { poolSize, type Sample } from './protocol.js';

/** Megabytes by which the heap may differ: code that was compiled in the meantime, and the like. */
const tolerance = 8;

const columns = [11, 9, 9, 9, 9, 9, 8, 12, 10, 9] as const;
const line = (cells: readonly (string | number)[]): string =>
  cells.map((cell, index) => String(cell).padStart(columns[index] ?? 9)).join('');

export const heading = line([
  'units',
  'failed',
  'faults',
  'units/s',
  'heap MB',
  'sockets',
  'timers',
  'pool t/i/w',
  'prepared',
  'backends',
]);

export function row(sample: Sample, backends: number, faults: number, milliseconds: number): string {
  const { units, failed, heap, resources, pool, prepared } = sample;
  return line([
    units.toLocaleString('en-US'),
    failed.toLocaleString('en-US'),
    faults.toLocaleString('en-US'),
    Math.round((units / milliseconds) * 1_000),
    heap.toFixed(1),
    resources.TCPSocketWrap ?? 0,
    resources.Timeout ?? 0,
    pool.join('/'),
    prepared,
    backends,
  ]);
}

/** What has grown between two moments at which the process did nothing. */
export function compare(first: Sample, last: Sample): string[] {
  const grown: string[] = [];
  if (last.heap > first.heap + tolerance) {
    grown.push(`the heap: from ${first.heap.toFixed(1)} MB to ${last.heap.toFixed(1)} MB`);
  }
  for (const [kind, count] of Object.entries(last.resources)) {
    if (count > (first.resources[kind] ?? 0)) {
      grown.push(`${kind}: from ${first.resources[kind] ?? 0} to ${count}`);
    }
  }
  const [total, idle, waiting] = last.pool;
  if (total > poolSize || idle !== total || waiting !== 0) {
    grown.push(`the pool: ${total} connections, ${idle} of them idle, ${waiting} callers waiting`);
  }
  if (last.prepared > first.prepared) {
    grown.push(`prepared statements: from ${first.prepared} to ${last.prepared}`);
  }
  return last.poolProblem === undefined ? grown : [...grown, last.poolProblem];
}
