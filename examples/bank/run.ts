import type { Options } from '@mikro-orm/core';
import { MikroOrmEngineFactory } from 'mikro-orm-uow';
import { registerUnitsOfWork } from 'mikro-orm-uow/typedi';
import { Container } from 'typedi';
import { bankOptions } from '../../mikro-orm.config.js';
import { BankService } from './bank-service.js';
import { BankUnitOfWork } from './bank-unit-of-work.js';
import { customers } from './customers.js';
import { migrations } from './migrations.js';
import { formatCents } from './money.js';
import { Progress } from './progress.js';
import { balanceTable, describe, summarize, type Tally } from './report.js';
import type { StatementLine } from './statement.js';
import { StatementImport } from './statement-import.js';

/**
 * Books the lines and reports, on the database of `DATABASE_URL` or, because this is an example, on one in memory.
 * Resolves to the exit code; rejects where the database fails, and with the signal's reason once it is aborted.
 */
export async function run(
  lines: readonly StatementLine[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  if (env.DATABASE_URL === undefined) {
    console.log('DATABASE_URL is not set: booking in memory, on PGlite');
  }
  registerUnitsOfWork(Container, {
    engine: options({ DATABASE_URL: 'pglite://memory', ...env }),
    unitsOfWork: [BankUnitOfWork],
  });
  const engineFactory = Container.get(MikroOrmEngineFactory);
  try {
    // what comes before the first unit of work can't be interrupted, but it need not be waited for either
    await Promise.race([migrate(engineFactory), interrupted(signal)]);
    const bank = Container.get(BankService);
    await bank.open(customers, signal);
    await book(lines, signal);
    return await check(bank);
  } finally {
    await engineFactory.dispose({ timeout: signal.aborted ? 0 : 10_000 });
  }
}

async function migrate(engineFactory: MikroOrmEngineFactory): Promise<void> {
  const orm = await engineFactory.create();
  await orm.migrator.up();
}

/** Rejects with the signal's reason. */
function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

async function options(env: NodeJS.ProcessEnv): Promise<Partial<Options>> {
  const base = await bankOptions(env);
  return { ...base, migrations: { ...base.migrations, migrationsList: migrations, silent: true } };
}

/** Books the lines, and says at the end, however it comes, what became of them. */
async function book(lines: readonly StatementLine[], signal: AbortSignal): Promise<void> {
  const tally: Tally = { booked: 0, 'already booked': 0, refused: 0 };
  const progress = new Progress(lines.length);
  try {
    for await (const outcome of Container.get(StatementImport).book(lines, signal)) {
      tally[outcome.kind] += 1;
      progress.advance();
      const text = describe(outcome);
      if (text !== undefined) {
        progress.say(text);
      }
    }
  } finally {
    progress.stop();
    console.log(summarize(tally, lines.length));
  }
}

/** Reads the books once more, from the database: have the lines moved as much as the accounts now hold? */
async function check(bank: BankService): Promise<number> {
  const books = await bank.books();
  console.log(`\n${balanceTable(books)}\n`);
  const [balances, booked] = [formatCents(books.balances), formatCents(books.booked)];
  if (books.balances !== books.booked) {
    console.error(`Check failed: the balances add up to ${balances}, but ${booked} was booked`);
    return 1;
  }
  console.log(`Check: the balances add up to ${balances}, and so does what was booked`);
  return 0;
}
