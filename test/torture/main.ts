import { pathOf } from '../support/server/programs.js';
import { addUp, type Figures } from './figures.js';
import { readOptions } from './options.js';
import { explain, report } from './report.js';
import { playRound } from './round.js';
import { Site } from './site.js';

// Transfers under fire: see README's chapter on reliability. Ends with 1 when a promise was broken.

process.setSourceMapsEnabled(true);
const options = readOptions(process.argv.slice(2));
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => interruption.abort());
}

console.log(
  `torture: seed ${options.seed}, ${options.minutes} min, ${options.clients} clients of ${options.workers} workers each, on pools of ${options.poolSize}`,
);
const figures: Figures[] = [];
const faults: Figures[] = [];
let stored = 0;
const ways = options.ways.filter((way) => way !== 'pgbouncer' || pathOf('pgbouncer') !== undefined);
if (ways.length < options.ways.length) {
  console.log('PgBouncer is missing on this machine (apt-get install pgbouncer): the rounds behind it are left out');
}
const site = await Site.start();
const started = performance.now();
try {
  const end = started + options.minutes * 60_000;
  for (let round = 1; performance.now() < end; round++) {
    const way = ways[(round - 1) % ways.length] ?? 'direct';
    const result = await playRound({
      ...options,
      site,
      way,
      seed: `${options.seed}/${round}`,
      milliseconds: Math.min(options.roundSeconds * 1_000, end - performance.now()),
      signal: interruption.signal,
    });
    figures.push(result.figures);
    faults.push(result.faults);
    stored += result.stored;
    console.log(`round ${round} (${way}): ${result.stored} stored, ${result.violations.length} violations`);
    if (result.violations.length > 0) {
      console.log(`A promise was broken (seed ${options.seed}, round ${round}):\n${explain(result)}`);
      process.exitCode = 1;
      break;
    }
  }
  console.log(report(addUp(figures), addUp(faults), stored, performance.now() - started));
  console.log(process.exitCode === 1 ? 'BROKEN' : 'All promises were kept.');
} catch (error) {
  if (!interruption.signal.aborted) {
    throw error;
  }
  console.log('Interrupted.');
  process.exitCode = 130;
} finally {
  await site.stop();
}
