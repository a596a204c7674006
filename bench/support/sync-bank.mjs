// What bench/sync.mjs opens.
import { engineFor } from './account.mjs';

export const engineFactory = engineFor(process.env.BENCH_DSN);
export { AccountRepository, BankUnitOfWork } from './account.mjs';
