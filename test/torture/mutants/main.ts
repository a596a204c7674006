import { spawn } from 'node:child_process';
import { BrokenCopy, brokenFiles } from './broken-copy.js';
import { type Mutation, mutations } from './mutations.js';

// Breaks the library in each way that the torture has to notice, and has the clients lie; ends with 1 when something is
// not noticed. `npm run torture:mutants -- TEXT` tries those with TEXT in their names.

interface Trial extends Mutation {
  readonly flags?: readonly string[];
}

const lies: readonly Trial[] = [
  { lie: 'committed', caught: /told committed, but nothing is stored/ },
  { lie: 'rolled-back', caught: /told rolled back .*but it is stored/ },
  { lie: 'unknown', caught: /unknown .*though the server was there/ },
].map(({ lie, caught }) => ({ name: `clients lie: ${lie}`, changes: {}, caught, flags: ['--lie', lie] }));

/** Runs one torture; the second attempt is longer and draws another schedule. */
function torture(main: string, trial: Trial, attempt: number): Promise<string> {
  const faults = trial.faults === undefined ? [] : ['--faults', trial.faults.join()];
  const flags = ['--minutes', String(0.3 * attempt), '--seed', `mutant ${attempt}`, ...faults, ...(trial.flags ?? [])];
  const child = spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve(code === 1 ? output : '')));
}

/** What the torture has said of it, if it has noticed. */
async function notice(trial: Trial): Promise<string | undefined> {
  using copy = new BrokenCopy(trial);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const output = await torture(copy.main, trial, attempt);
    const noticed = output.split('\n').find((line) => trial.caught.test(line));
    if (noticed !== undefined) {
      return noticed;
    }
  }
  return undefined;
}

const [wanted = ''] = process.argv.slice(2);

// before hours are spent: each way of breaking the library has to find what it changes
for (const mutation of mutations) {
  brokenFiles(mutation);
}

let missed = 0;
for (const trial of [...lies, ...mutations].filter(({ name }) => name.includes(wanted))) {
  const noticed = await notice(trial).catch((error: Error) => error);
  missed += typeof noticed === 'string' ? 0 : 1;
  const how = typeof noticed === 'string' ? noticed.trim().slice(0, 200) : (noticed?.message ?? '');
  console.log(`${typeof noticed === 'string' ? 'caught' : 'MISSED'}  ${trial.name}\n        ${how}`);
}
process.exitCode = missed === 0 ? 0 : 1;
