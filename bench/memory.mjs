// Peak memory of stream() and inBatches() over tables of different sizes; each figure is of a process of its own.
// `node bench/memory.mjs [rows...]`, on the server of DATABASE_URL or else on one of its own; build the library and run
// `npm install` in bench/ before.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fillTable } from './support/account.mjs';
import { withDatabase } from './support/database.mjs';

const sizes = process.argv.slice(2).map(Number);
const operations = ['stream, standalone', 'stream, in a unit', 'inBatches, standalone', 'inBatches, in a unit'];
const worker = fileURLToPath(new URL('./support/memory-worker.mjs', import.meta.url));

await withDatabase(async (url) => {
  console.log('operation               rows        peak RSS, MiB   seconds');
  for (const operation of operations) {
    for (const rows of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]) {
      await fillTable(url, rows);
      const { stdout } = await promisify(execFile)(process.execPath, [
        // so that garbage which V8 was too lazy to collect does not pass for memory in use
        '--max-old-space-size=64',
        '--max-semi-space-size=4',
        worker,
        operation,
        String(rows),
        url,
      ]);
      const { peak, seconds } = JSON.parse(stdout);
      console.log(
        `${operation.padEnd(22)}  ${String(rows).padStart(9)}  ${peak.toFixed(0).padStart(14)}  ${seconds.toFixed(1).padStart(8)}`,
      );
    }
  }
});
