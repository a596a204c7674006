// Does one thing to all rows, and prints the peak of this process's memory.
import { BankUnitOfWork, engineFor, standaloneAccounts } from './account.mjs';

const [operation, expected, url] = process.argv.slice(2);

const stream = async (accounts) => {
  let rows = 0;
  for await (const account of accounts.stream()) {
    rows += account.id > 0 ? 1 : 0;
  }
  return rows;
};

const inBatches = async (accounts) => {
  let rows = 0;
  await accounts.inBatches({}, { size: 1000 }, (batch) => {
    rows += batch.length;
    for (const account of batch) {
      account.balance += 1;
    }
  });
  return rows;
};

const engineFactory = engineFor(url);
const [work, place] = operation.split(', ');
const run = { stream, inBatches }[work];
const started = performance.now();
const rows =
  place === 'standalone'
    ? await run(standaloneAccounts(engineFactory))
    : await new BankUnitOfWork(engineFactory).run((u) => run(u.accounts));
const seconds = (performance.now() - started) / 1000;
await engineFactory.dispose();
if (rows !== Number(expected)) {
  throw new Error(`${rows} rows instead of ${expected}`);
}
console.log(JSON.stringify({ peak: process.resourceUsage().maxRSS / 1024, seconds }));
