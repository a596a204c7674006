import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { useBank } from '../support/bank-database.js';

const script = fileURLToPath(new URL('./fixtures/disposing-script.js', import.meta.url));

/** Runs the script until it ends; it is killed after 90 seconds, and then has a signal instead of a code. */
async function run(databaseUrl: string, ...args: string[]) {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, DATABASE_URL: databaseUrl, DATABASE_POOL_SIZE: '4' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 90_000,
  });
  const [out, errors, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { out, errors, code, signal };
}

describe('a script that disposes of its engine', () => {
  const bank = useBank('postgresql');

  it('promise 15: ends by itself on PostgreSQL, with a unit left open', async () => {
    const ended = await run(bank.proxy.url);
    expect(ended).to.deep.equal({ out: '3 accounts, rolled-back\n', errors: '', code: 0, signal: null });
    expect(await bank.rows('select owner from account order by id')).to.deep.equal([
      { owner: 'Ada' },
      { owner: 'Grace' },
    ]);
  });

  it('promise 15: ends by itself on PGlite, with a unit left open', async () => {
    const ended = await run('pglite://memory', '--create');
    expect(ended).to.deep.equal({ out: '3 accounts, rolled-back\n', errors: '', code: 0, signal: null });
  });
});
