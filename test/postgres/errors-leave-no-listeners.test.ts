import { expect } from 'chai';
import type { Pool, PoolClient } from 'pg';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase } from '../support/database.js';

// Each error of the server left a listener for the end of its connection behind, as long as that connection lived.
describe('promise 16: statements that the server refuses', () => {
  it('leave no listeners on their connection', async () => {
    await using database = await createDatabase();
    const connections = new Set<PoolClient>();
    const onPoolCreated = (pool: Pool): void => void pool.on('acquire', (client) => connections.add(client));
    await using engineFactory = new MikroOrmEngineFactory(
      engineOptions({ dsn: database.url, poolSize: 1 }, { entities, driverOptions: { onPoolCreated } }),
    );
    await (await engineFactory.create()).schema.create();
    const uow = new BankUnitOfWork(engineFactory);
    await uow.run((u) => u.accounts.create({ owner: 'taken' }));
    const listeners = (): unknown[] =>
      [...connections].map((client) => {
        const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
        return ['end', 'readyForQuery', 'error'].map((event) => connection.listenerCount(event));
      });
    const before = listeners();
    for (let failure = 0; failure < 15; failure++) {
      await uow.run((u) => u.accounts.create({ owner: 'taken' })).catch(() => undefined);
    }
    expect(listeners()).to.deep.equal(before);
  });
});
