// What the session of a unit and of a connection proxy can be asked for.
import type { SqlEntityManager } from '@mikro-orm/sql';
import { MikroOrmConnectionProxy, type MikroOrmEngineFactory } from '../../src/index.js';
import { Account, BankUnitOfWork } from '../support/bank.js';
import { expectType } from './expect-type.js';

export async function sessions(engineFactory: MikroOrmEngineFactory) {
  const session = await new MikroOrmConnectionProxy(engineFactory).connect();
  expectType<SqlEntityManager, typeof session>(true);
  await new BankUnitOfWork(engineFactory).run(async (u) => {
    expectType<SqlEntityManager, typeof u.session>(true);
    await u.session.execute('select ?', [1]);
    await u.session.createQueryBuilder(Account).where({ owner: 'Ada' }).getResultList();
    await u.session.getKysely<{ account: { id: number } }>().selectFrom('account').select('id').execute();
    // @ts-expect-error no such column
    u.session.getKysely<{ account: { id: number } }>().selectFrom('account').select('ownr');
  });
}
