// A service that is bundled to one file: one unit of work on the PostgreSQL of DATABASE_URL, and one that fails.
import { defineEntity, p } from '@mikro-orm/core';
import {
  engineOptions,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
  postgresConfig,
} from 'mikro-orm-uow';

const Bundled = defineEntity({
  name: 'Bundled',
  properties: { id: p.integer().primary(), owner: p.string() },
});

class BundledRepository extends MikroOrmRepository {
  entity = Bundled;
}

class BankUnitOfWork extends MikroOrmUnitOfWork.of({ rows: BundledRepository }) {}

const engineFactory = new MikroOrmEngineFactory(engineOptions(postgresConfig(), { entities: [Bundled] }));
const orm = await engineFactory.create();
await orm.schema.create();
const uow = new BankUnitOfWork(engineFactory);
await uow.run((u) => u.rows.create({ owner: 'Ada' }));
const undone = new Error('undone');
await uow
  .run(async (u) => {
    await u.rows.create({ owner: 'Grace' });
    await u.flush();
    throw undone;
  })
  .catch((error) => {
    if (error !== undone) {
      throw error;
    }
  });
console.log(await uow.run((u) => u.rows.count()));
await engineFactory.dispose();
