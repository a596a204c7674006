// TypeDI reads the types of constructor parameters through this, so it comes before every class
import 'reflect-metadata';

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explain, firstLine } from './explain.js';
import { run } from './run.js';
import { readStatement, type StatementLine } from './statement.js';

/**
 * Books a statement: `npm start`, or `npm start -- FILE`. Exits with 0 where every line was dealt with, 1 where the file
 * or the database can't be used, 130 after Ctrl-C, 143 after SIGTERM.
 */
async function main(args: string[]): Promise<number> {
  const interruption = new AbortController();
  const exitCodes = { SIGINT: 130, SIGTERM: 143 };
  // once: who presses Ctrl-C again does not want to wait for the connection to be closed
  process.once('SIGINT', () => interruption.abort('SIGINT'));
  process.once('SIGTERM', () => interruption.abort('SIGTERM'));
  // whoever reads the output may stop reading (`| head`): that is no reason to stop booking
  process.stdout.on('error', () => undefined);

  let lines: readonly StatementLine[];
  try {
    lines = await load(fileOf(args));
  } catch (error) {
    console.error(firstLine(error));
    return 1;
  }
  try {
    return await run(lines, process.env, interruption.signal);
  } catch (error) {
    if (interruption.signal.aborted) {
      console.error('Interrupted: what was booked stays booked');
      return exitCodes[interruption.signal.reason as keyof typeof exitCodes];
    }
    const reason = explain(error);
    if (reason === undefined) {
      throw error;
    }
    console.error(reason);
    return 1;
  }
}

function fileOf(args: string[]): string {
  const [file, ...more] = args;
  if (more.length > 0 || file?.startsWith('-')) {
    throw new Error('Usage: npm start -- [FILE]');
  }
  return file === undefined
    ? fileURLToPath(new URL('../../../examples/bank/statement.csv', import.meta.url))
    : // npm starts scripts in the package's folder, and says here where it was called
      resolve(process.env.INIT_CWD ?? '.', file);
}

async function load(file: string): Promise<readonly StatementLine[]> {
  try {
    return readStatement(await readFile(file));
  } catch (error) {
    throw new Error(`Cannot read ${file}: ${firstLine(error)}`, { cause: error });
  }
}

process.exitCode = await main(process.argv.slice(2));
